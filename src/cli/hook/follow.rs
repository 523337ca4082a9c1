//! Follows the server of an agent's program: its events go to the supervisor, and the supervisor's messages to it.

use std::fs::Permissions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chrono::Utc;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, getppid, pidfd_open};
use serde_json::{Value, json};

use super::Teller;
use super::http::{Answer, Server};
use crate::protocol::event::{
    AgentEvent, CONFIG_VARIABLE, DATAGRAM_BYTES_MAX, HANDED_BYTES_MAX, PASSWORD_VARIABLE, Post, Posted, Source, Stream,
    Told,
};

/// A server that does not answer is asked again after this time: the program starts, or has gone.
const AGAIN: Duration = Duration::from_millis(500);

/// A stream is taken for dead when nothing came for so long; the server sends a sign of life more often.
const SILENCE_MAX: Duration = Duration::from_secs(90);

/// How long the program may take to accept a message.
const POST_MAX: Duration = Duration::from_secs(5);

/// Follows the server at `address` until the process that started this one has ended.
///
/// # Errors
/// When it cannot be followed at all.
pub fn follow(teller: &Teller, address: &str) -> anyhow::Result<()> {
    let password = std::env::var(PASSWORD_VARIABLE).ok().filter(|password| !password.is_empty());
    let server = Server::parse(address, password.as_deref()).context("no server on this host")?;
    let parent = getppid().context("the program has ended")?;
    let parent = pidfd_open(parent, PidfdFlags::empty()).context("the program cannot be watched")?;
    // Without it, messages are typed.
    let mailbox = mailbox(teller).ok();
    let model = std::env::var(CONFIG_VARIABLE).ok().and_then(|config| model_of(&config));
    let follower = Follower { teller, server, parent, mailbox, model };
    while !follower.listen()? {}
    Ok(())
}

/// Binds the socket that messages come in by; one that is there is of an earlier start.
fn mailbox(teller: &Teller) -> anyhow::Result<UnixDatagram> {
    let path = teller.mailbox();
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error.into());
    }
    let socket = UnixDatagram::bind(&path)?;
    // An agent may have a user of its own, and the supervisor is of its group.
    std::fs::set_permissions(&path, Permissions::from_mode(0o660))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Returns the model that the program is started with, as its interface has it named: without it a conversation that is
/// resumed goes on with the model that it had.
fn model_of(config: &str) -> Option<Value> {
    let config: Value = serde_json::from_str(config).ok()?;
    let (provider, model) = config.get("model")?.as_str()?.split_once('/')?;
    Some(json!({ "providerID": provider, "modelID": model }))
}

struct Follower<'a> {
    teller: &'a Teller,
    server: Server,
    parent: OwnedFd,
    mailbox: Option<UnixDatagram>,
    model: Option<Value>,
}

impl Follower<'_> {
    /// Listens to one connection for as long as it lasts; returns whether the program has ended.
    fn listen(&self) -> anyhow::Result<bool> {
        let mut stream = Stream::default();
        let Some(mut events) = self.server.get("/event").ok().filter(|answer| answer.status == 200) else {
            return self.rest();
        };
        let sessions = self.server.get("/session/status").and_then(|answer| answer.body(HANDED_BYTES_MAX));
        let sessions = sessions.unwrap_or_default();
        self.tell(Stream::snapshot(&sessions, Utc::now()));
        let mut alive_until = Instant::now() + SILENCE_MAX;
        loop {
            let (ended, has_mail, has_events) = self.wait(Some(&events), alive_until)?;
            if ended {
                return Ok(true);
            }
            if has_mail {
                self.post();
            }
            if has_events {
                match events.next() {
                    Ok(Some(bytes)) => self.tell(stream.push(&bytes, Utc::now())),
                    Ok(None) | Err(_) => return self.rest(),
                }
                alive_until = Instant::now() + SILENCE_MAX;
            } else if Instant::now() >= alive_until {
                return self.rest();
            }
        }
    }

    /// Waits a moment before the server is asked again; returns whether the program has ended.
    fn rest(&self) -> anyhow::Result<bool> {
        let (ended, has_mail, _) = self.wait(None, Instant::now() + AGAIN)?;
        if has_mail {
            self.post();
        }
        Ok(ended)
    }

    /// Waits for the program's end, for a message and for events.
    fn wait(&self, events: Option<&Answer>, until: Instant) -> anyhow::Result<(bool, bool, bool)> {
        if events.is_some_and(Answer::has_begun) {
            return Ok((false, false, true));
        }
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now()))?;
        let mut waited = vec![PollFd::new(&self.parent, PollFlags::IN)];
        let mut mail_place = 0;
        if let Some(mailbox) = &self.mailbox {
            mail_place = waited.len();
            waited.push(PollFd::from_borrowed_fd(mailbox.as_fd(), PollFlags::IN));
        }
        let event_place = waited.len();
        waited.extend(events.map(|answer| PollFd::from_borrowed_fd(answer.stream.as_fd(), PollFlags::IN)));
        match poll(&mut waited, Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => bail!("cannot wait: {error}"),
        }
        let ready = |place: usize| waited.get(place).is_some_and(|fd| !fd.revents().is_empty());
        Ok((ready(0), mail_place > 0 && ready(mail_place), ready(event_place)))
    }

    fn tell(&self, events: impl IntoIterator<Item = AgentEvent>) {
        let events: Vec<AgentEvent> = events.into_iter().collect();
        if !events.is_empty() {
            // Without a supervisor nobody listens; the next one is told what is so then.
            let _ = self.teller.tell(&events);
        }
    }

    /// Hands over one message that has come in, and tells what came of it.
    fn post(&self) {
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        let received = self.mailbox.as_ref().map(|mailbox| mailbox.recv(&mut datagram));
        let Some(Ok(count)) = received else { return };
        let Some(Post { message, conversation, text }) = Post::read(&datagram[..count]) else { return };
        let mut body = json!({ "parts": [{ "type": "text", "text": text }] });
        if let Some(model) = &self.model {
            body["model"] = model.clone();
        }
        let path = format!("/session/{conversation}/prompt_async");
        let outcome = match self.server.post(&path, &body.to_string(), POST_MAX) {
            Ok(answer) if (200..300).contains(&answer.status) => Posted::Taken,
            Ok(answer) => Posted::Refused(format!("status {}", answer.status)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Posted::Refused(error.to_string()),
            Err(error) => Posted::Unsure(error.to_string()),
        };
        let told = Told::Posted { message, outcome };
        self.tell([AgentEvent { source: Source::OpencodeStream, time: Utc::now(), conversation: None, told }]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_asks_for_the_model_of_the_start_where_one_is_named() {
        let named = |config: &str| model_of(config).map(|model| model.to_string());
        assert_eq!(named(r#"{"model":"own/a/b"}"#).as_deref(), Some(r#"{"modelID":"a/b","providerID":"own"}"#));
        for other in [r#"{"model":"none"}"#, r#"{"model":3}"#, "{}", "nonsense"] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
