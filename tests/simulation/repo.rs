//! What is pushed, and when the supervisor sees it.

use std::path::PathBuf;

use agent_orchestrator::policy::observation::Observation;

use super::agenda::Event;
use super::clock::{MINUTE, SECOND};
use super::world::World;

/// A true end of a phase.
pub const DONE: &str = "# Status\n\n## DONE (all gates verified)\n";

/// Lines that look like an end and are none.
pub const NOT_DONE: [&str; 5] = [
    "# Status\n\n## DONE: not yet\n",
    "# Status\n\n## DONE criteria\nAll gates.\n",
    "# Status\n\n```\n## DONE\n```\n",
    "# Status\n\n## DONE <date>\n",
    "# Status\n\nopen\n",
];

impl World {
    /// Somebody pushes a commit.
    pub fn push(&mut self, in_loop: &str, subject: &str, files: &[(String, Option<String>)]) {
        let Some(origin) = self.origins.get_mut(in_loop) else { return };
        let id = origin.commit(in_loop, subject, files);
        self.note(|| format!("host: push to `{in_loop}`: {id} {subject}"));
        self.oracle.phases.pushed(in_loop, files);
        let delay = self.random.between(5..=50);
        self.look_at_origin(in_loop, delay);
    }

    /// The origin is looked at after a while.
    pub fn look_at_origin(&mut self, in_loop: &str, after: u64) {
        let event = Event::Origin { life: self.guard.life, in_loop: in_loop.to_owned() };
        self.agenda.add(self.clock.at + after, event);
    }

    /// Tells the origin's head, or what is wrong with it, where that is news.
    pub fn origin_looked_at(&mut self, life: u64, in_loop: &str) {
        if life != self.guard.life || self.fleet.loop_named(in_loop).is_none() {
            return;
        }
        let Some(origin) = self.origins.get_mut(in_loop) else { return };
        let found = origin.trouble.clone().map_or_else(|| Ok(origin.head.clone()), Err);
        if origin.told.as_ref() == Some(&found) {
            return;
        }
        origin.told = Some(found.clone());
        let in_loop = in_loop.to_owned();
        let seen = match found {
            Ok(head) => Observation::Head { in_loop, head },
            Err(why) => Observation::OriginTrouble { in_loop, why },
        };
        self.agenda.add(self.clock.at, Event::Seen { life, seen });
    }

    /// Reads what is pushed, and tells it after a while.
    pub fn read_pushed(&mut self, in_loop: &str, since: Option<&str>, paths: &[String]) {
        let delay = 20 + self.delay() + if self.random.percent(3) { self.random.between(0..=20 * SECOND) } else { 0 };
        let Some(origin) = self.origins.get_mut(in_loop) else { return };
        let result = if let Some(why) = &origin.trouble {
            Err(why.clone())
        } else if origin.bad_reads > 0 {
            origin.bad_reads -= 1;
            Err("cannot lock ref".to_owned())
        } else {
            Ok(origin.read(since, paths))
        };
        if result.is_ok() {
            // What a fetch brings is told as well.
            self.look_at_origin(in_loop, delay);
        }
        let seen = Observation::Pushed { in_loop: in_loop.to_owned(), result };
        self.agenda.add(self.clock.at + delay, Event::Seen { life: self.guard.life, seen });
    }

    /// The builder ends its phase.
    pub fn write_done(&mut self, in_loop: &str, phase: &str) {
        self.write_status(in_loop, phase, DONE);
    }

    /// Writes a status file where it counts.
    pub fn write_status(&mut self, in_loop: &str, phase: &str, text: &str) {
        let name = format!("STATUS-{phase}.md");
        let worktree = self.setup.loops.iter().any(|a_loop| a_loop.name == in_loop && a_loop.worktree);
        if worktree {
            let path = PathBuf::from(format!("/p/repo{in_loop}/machine-docs/{name}"));
            self.oracle.phases.wrote(in_loop, phase, text);
            self.write(&path, Some(text));
        }
        let path = format!("machine-docs/{name}");
        let same = self.origins.get(in_loop).and_then(|origin| origin.file(&path)).is_some_and(|there| there == text);
        if !same {
            self.push(in_loop, &format!("status({phase})"), &[(path, Some(text.to_owned()))]);
        }
    }

    /// A file on disk changes.
    pub fn write(&mut self, path: &PathBuf, text: Option<&str>) {
        match text {
            Some(text) => self.disk.insert(path.clone(), text.to_owned()),
            None => self.disk.remove(path),
        };
        let watching: Vec<String> =
            self.guard.watched.iter().filter(|(_, paths)| paths.contains(path)).map(|(name, _)| name.clone()).collect();
        for in_loop in watching {
            let content = Ok(text.map(str::to_owned));
            self.see_soon(Observation::File { in_loop, path: path.clone(), content });
        }
    }

    /// The origin cannot be asked for a while.
    pub fn origin_fails(&mut self, in_loop: &str, why: &str) {
        if let Some(origin) = self.origins.get_mut(in_loop) {
            origin.trouble = Some(why.to_owned());
        }
        let after = self.random.between(1..=MINUTE);
        self.look_at_origin(in_loop, after);
    }
}
