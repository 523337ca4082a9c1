//! One control-mode client: commands in, replies and notifications out, each reply with a deadline.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use super::leaving::Leaving;
use super::line::Line;
use crate::policy::message::MessageId;
use crate::policy::now::Mono;
use crate::protocol::tmux::{FLAGS_ASKED, Notification, PaneId, Parser, Reply};

/// How long tmux may take for an answer.
pub const REPLY_MAX: Duration = Duration::from_secs(5);

/// The most commands that may wait for their answers; with [`COMMAND_BYTES_MAX`] they fit into a pipe of 64 KiB, so that
/// a write never waits.
const QUEUE_MAX: usize = 64;

/// The longest command, in bytes.
const COMMAND_BYTES_MAX: usize = 1000;

/// The most bytes that one turn reads from one client.
const READ_BYTES_MAX: usize = 512 << 10;

/// A client that ends within this time of its beginning is not replaced at once: who is at the other end of a bridge could
/// hang up each time.
const BRIEF: Duration = Duration::from_secs(1);

/// What a command was for.
#[derive(Debug)]
pub enum Ask {
    /// The client's own `attach-session`.
    Attach,
    /// All panes of the session, in the form of `row.rs`.
    Panes,
    /// Mode, program and title, for `Looked`.
    LookState,
    /// The title, for `Titled`.
    Title,
    /// The screen, for `Looked`.
    LookScreen,
    /// A text into a buffer.
    Load,
    /// The buffer into the pane, for `Pasted`.
    Paste(MessageId, TextFile),
    /// A key, for `Pressed`.
    Press(MessageId),
    /// All clients of the server, for `stale.rs`.
    Clients,
    /// The last screen of a dead program.
    LastScreen,
    /// Nobody waits for the answer.
    Aside,
}

/// A file that is removed when nobody needs it any more.
#[derive(Debug)]
pub struct TextFile(pub PathBuf);

impl Drop for TextFile {
    fn drop(&mut self) {
        // It lies in the runtime folder, where a later paste of that name replaces it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What a client told in one turn.
#[derive(Debug)]
pub enum Told {
    /// A command was answered.
    Answer(Ask, Reply),
    /// A pane wrote something.
    Output {
        /// Which.
        pane: PaneId,
        /// It set its title as well.
        sets_title: bool,
    },
    /// A pane's output is held back.
    Paused(PaneId),
}

/// A control-mode client and the commands that it has not answered yet.
#[derive(Debug)]
pub struct Client {
    line: Line,
    parser: Parser,
    queue: VecDeque<(Ask, Mono)>,
    began: Mono,
}

impl Client {
    /// Asks over `line`, whose client has just been told to attach.
    pub fn new(line: Line, now: Mono) -> Self {
        let queue = VecDeque::from([(Ask::Attach, now + REPLY_MAX)]);
        Self { line, parser: Parser::default(), queue, began: now }
    }

    /// Tells whether it has been there for a moment only.
    pub fn is_brief(&self, now: Mono) -> bool {
        now < self.began + BRIEF
    }

    /// Tells whether the reactor's number `id` is this client's.
    pub fn is(&self, id: u64) -> bool {
        self.line.is(id)
    }

    /// Returns its process, where that is ours.
    pub fn pid(&self) -> Option<u32> {
        self.line.pid()
    }

    /// Says when the oldest unanswered command has waited too long.
    pub fn deadline(&self) -> Option<Mono> {
        self.queue.front().map(|(_, deadline)| *deadline)
    }

    /// Writes one command; its answer comes as [`Told::Answer`] with `ask`.
    ///
    /// # Errors
    /// When too many commands wait, or tmux does not take any.
    pub fn tell(&mut self, command: &str, ask: Ask, now: Mono) -> anyhow::Result<()> {
        if self.queue.len() >= QUEUE_MAX {
            bail!("tmux has {QUEUE_MAX} unanswered commands");
        }
        if command.len() >= COMMAND_BYTES_MAX {
            bail!("a command of {} bytes is too long for tmux", command.len());
        }
        assert!(!command.contains('\n'), "a command is one line");
        self.line.write_all(format!("{command}\n").as_bytes()).context("cannot write to tmux")?;
        self.queue.push_back((ask, now + REPLY_MAX));
        Ok(())
    }

    /// Reads what there is. The second value says why the client has ended, if it has.
    pub fn read(&mut self) -> (Vec<Told>, Option<String>) {
        let mut told = Vec::new();
        let mut piece = vec![0; 64 << 10];
        for _ in 0..READ_BYTES_MAX / piece.len() {
            match self.line.read(&mut piece) {
                Ok(0) => return (told, Some(self.line.last_words())),
                Ok(count) => {
                    for notification in self.parser.feed(&piece[..count]) {
                        told.extend(self.take(notification));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return (told, Some(format!("cannot read from tmux: {error}"))),
            }
        }
        (told, None)
    }

    fn take(&mut self, notification: Notification) -> Option<Told> {
        match notification {
            Notification::Output { pane, sets_title } => Some(Told::Output { pane, sets_title }),
            Notification::Pause { pane } => Some(Told::Paused(pane)),
            Notification::Reply(reply) => {
                let of_attach = matches!(self.queue.front(), Some((Ask::Attach, _)));
                if of_attach == (reply.flags == FLAGS_ASKED) {
                    return None;
                }
                let (ask, _) = self.queue.pop_front()?;
                Some(Told::Answer(ask, reply))
            }
            Notification::Continue
            | Notification::SubscriptionChanged { .. }
            | Notification::Exit { .. }
            | Notification::Other => None,
        }
    }

    /// Lets the client go, which ends it and nothing else. Returns what was not answered.
    pub fn leave(self) -> (Leaving, Vec<Ask>) {
        (self.line.leave(), self.queue.into_iter().map(|(ask, _)| ask).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::path::Path;
    use std::process::Command;
    use std::rc::Rc;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;
    use crate::daemon::clock::mono;
    use crate::daemon::reactor::Reactor;
    use crate::daemon::sessions::descriptor::Numbers;

    /// The longest that a test waits for anything.
    const WAIT_MAX: Duration = Duration::from_secs(60);

    struct Server<'a>(&'a Path);

    impl Server<'_> {
        fn tmux(&self, words: &[&str]) {
            let mut tmux = Command::new("tmux");
            tmux.env_remove("TMUX").arg("-S").arg(self.0).args(["-f", "/dev/null"]).args(words);
            let output = tmux.output().unwrap();
            assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }

    impl Drop for Server<'_> {
        fn drop(&mut self) {
            self.tmux(&["kill-server"]);
        }
    }

    fn await_input(descriptor: impl AsFd) {
        let mut waited = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut waited, PollTimeout::try_from(WAIT_MAX).unwrap()), Ok(1), "waited too long");
    }

    #[test]
    fn a_client_that_is_let_go_amid_output_ends_and_its_server_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("tmux");
        let server = Server(&socket);
        server.tmux(&["new-session", "-d", "-s", "flood", "yes"]);
        let reactor = Rc::new(Reactor::new().unwrap());
        let mut numbers = Numbers::new(0);
        for _ in 0..30 {
            let line = Line::own(&reactor, &mut numbers, &socket, Some("flood")).unwrap();
            let client = Client::new(line, mono());
            let Line::Own { output, .. } = &client.line else { panic!("it is our own") };
            await_input(&**output);
            let (mut leaving, _) = client.leave();
            let bound = mono() + WAIT_MAX;
            while !reactor.wait(true).unwrap().into_iter().any(|(_, id)| leaving.has_ended(id)) {
                assert!(mono() < bound, "it never ends");
            }
        }
    }
}
