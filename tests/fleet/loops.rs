//! Fleets that work loops: repositories, agents that note what is typed into them, and who waits for that.
#![expect(clippy::disallowed_methods, reason = "reads and writes what the test is about")]
#![allow(clippy::unwrap_used, dead_code, reason = "tests may panic, and each file uses a part of this")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use agent_orchestrator::protocol::control::{LoopPicture, Picture};

use crate::fleet::{LOOK_EVERY, TestFleet, WAIT_MAX, rest, until_file};

/// An agent with an input box that takes bracketed pastes. It notes in `$HOME/noted/SESSION`, each line with the time:
/// `start`, its process, model, blocked signals and kickoff; `heard`, what was submitted. `/busy`, `/idle`,
/// `/exit CODE` and `/hang` are obeyed; the last until somebody opens `$HOME/SESSION.go`.
const EAR: &str = r#"
printf 'FIRST\r\n'
file=$HOME/noted/$2
note() { printf '%s %s\n' "$EPOCHREALTIME" "$*" >> "$file"; }
while read -r key value; do [ "$key" = SigBlk: ] && blocked=$value; done < "/proc/$$/status"
kickoff=$(< "$1")
state=idle; text=
stty raw -echo
printf '\033[?2004h'
draw() {
    printf '\r\033[K'
    if [ "$state" = busy ]; then printf 'Working (esc to interrupt)\r\n'; fi
    printf '> %s' "$text"
}
submit() {
    printf '\r\033[K\033[2J\033[H'
    case $text in
        '') ;;
        /busy) state=busy ;;
        /idle) state=idle ;;
        /hang) mkfifo "$HOME/$2.go"; printf '> '; read -r _ < "$HOME/$2.go"; rm "$HOME/$2.go" ;;
        /exit\ *) printf 'last words\r\n'; exit "${text#/exit }" ;;
        *) note "heard $text" ;;
    esac
    text=
}
note "start pid=$$ model=$3 blocked=$blocked ${kickoff//$'\n'/|}"
draw
while IFS= read -rsN1 key; do
    case $key in
        $'\033')
            IFS= read -rsN5 rest
            while IFS= read -rs -d $'\033' part; do
                text+=${part//$'\r'/ }
                IFS= read -rsN5 rest
                [ "$rest" = '[201~' ] && break
            done ;;
        $'\r' | $'\n') submit "$@" ;;
        *) text+=$key ;;
    esac
    read -t 0 || draw
done
"#;

/// What every config of these tests begins with. Nothing is found by looking again: the cadences are an hour.
pub const HEAD: &str = r#"
[defaults]
session_prefix = 't-'
log_dir = 'logs'
backend = 'ear'
watch = 'heal'
[watchdog]
signal_interval = 3600
heavy_interval = 3600
[backend.ear]
bin = 'exec bash "$HOME/ear.sh" {kickoff} {session} {model}'
prompt_delivery = 'exec'
input_re = '^> ?(?P<text>.*)$'
active_re = 'esc to interrupt'
ready_max = 20
"#;

/// The phase `id` as a config names it.
fn phase(id: &str) -> String {
    format!("  {{ id = '{id}', plan = 'plans/{id}.md', status = 'STATUS-{id}.md' }},\n")
}

/// A loop's part of a config: its keys beside the phases in `more`, its clones and agents named after `name`.
fn loop_text(header: &str, name: &str, phases: &[&str], more: &str) -> String {
    let phases: String = phases.iter().map(|id| phase(id)).collect();
    let member = if name.is_empty() { String::new() } else { format!("loop = '{name}'\n") };
    let of = |role: &str| named(name, role);
    let agents = ["builder", "adversary"].map(|role| {
        let agent = of(role);
        format!("[[agent]]\nname = '{agent}'\nkind = 'loop'\nrole = '{role}'\ndir = '{agent}'\n{member}")
    });
    format!(
        "{header}{more}\nphases = [\n{phases}]\n[loop.handoff]\nrepo = '{}'\nclaim_pings = '{}'\nreview_pings = '{}'\n\
         inboxes = ['ADVERSARY-INBOX.md', 'BUILDER-INBOX.md']\n{}",
        of("builder"),
        of("adversary"),
        of("builder"),
        agents.concat()
    )
}

/// The name of an agent and of its clone.
pub fn named(in_loop: &str, role: &str) -> String {
    if in_loop.is_empty() { role.to_owned() } else { format!("{in_loop}-{role}") }
}

/// The config of one loop with these phases; `more` are further keys of `[loop]`.
pub fn one_loop(phases: &[&str], more: &str) -> String {
    format!("{HEAD}{}", loop_text("[loop]\n", "", phases, more))
}

/// The config of several named loops, each with its phases.
pub fn loops(of: &[(&str, &[&str])]) -> String {
    let each = |(name, phases): &(&str, &[&str])| loop_text(&format!("[[loop]]\nname = '{name}'\n"), name, phases, "");
    format!("{HEAD}{}", of.iter().map(each).collect::<String>())
}

/// A fleet with repositories.
pub struct Lab {
    pub fleet: TestFleet,
}

impl Lab {
    /// Makes a fleet with this config; its repositories are made by [`Lab::repository`].
    pub fn new(config: &str) -> Self {
        let fleet = TestFleet::new(config);
        std::fs::create_dir_all(fleet.root.join("home/noted")).unwrap();
        std::fs::write(fleet.root.join("home/ear.sh"), EAR).unwrap();
        for role in ["builder", "adversary"] {
            fleet.write(&format!("prompts/{role}.md"), &format!("You are the {role}.\n"));
        }
        Self { fleet }
    }

    /// Makes a fleet with one loop of these phases and its repository; `more` are further keys of `[loop]`.
    pub fn of_one_loop(phases: &[&str], more: &str) -> Self {
        let lab = Self::new(&one_loop(phases, more));
        lab.repository("", "main", phases);
        lab
    }

    /// Starts everything.
    #[track_caller]
    pub fn up(self) -> Self {
        self.fleet.run(&["up"]).good();
        self.until_ready(&[]);
        self
    }

    /// Waits until these agents, or all but tasks, can take messages.
    #[track_caller]
    pub fn until_ready(&self, names: &[&str]) {
        self.fleet.until_status("ready agents", |picture| {
            let all = names.is_empty();
            let is_asked = |name: &str, kind: &str| if all { kind != "task" } else { names.contains(&name) };
            let mut asked = picture.agents.iter().filter(|agent| is_asked(&agent.name, &agent.kind));
            asked.all(|agent| ["idle", "working", "running"].contains(&agent.state.as_str()))
        });
    }

    /// Makes a bare origin and the clones of a loop's agents, with the plans of these phases pushed to `branch`.
    pub fn repository(&self, in_loop: &str, branch: &str, phases: &[&str]) {
        let origin = self.origin(in_loop);
        let text = origin.to_str().unwrap();
        self.fleet.git(&self.fleet.root, &["init", "-q", "--bare", "-b", branch, text]);
        for (number, role) in ["builder", "adversary"].iter().enumerate() {
            let clone = self.fleet.project.join(named(in_loop, role));
            self.fleet.git(&self.fleet.root, &["clone", "-q", text, clone.to_str().unwrap()]);
            if number == 0 {
                self.fleet.git(&clone, &["checkout", "-q", "-B", branch]);
                for id in phases {
                    self.write(&clone, &format!("plans/{id}.md"), format!("# Phase {id}\n"));
                }
                self.commit(&clone, "plans");
                self.push(&clone);
            }
        }
        let adversary = self.clone_of(in_loop, "adversary");
        self.fleet.git(&adversary, &["pull", "-q", "origin", branch]);
    }

    /// A loop's bare origin.
    pub fn origin(&self, in_loop: &str) -> PathBuf {
        self.fleet.root.join(format!("{}.git", named(in_loop, "origin")))
    }

    /// An agent's clone.
    pub fn clone_of(&self, in_loop: &str, role: &str) -> PathBuf {
        self.fleet.project.join(named(in_loop, role))
    }

    /// The builder's clone of the unnamed loop.
    pub fn builder(&self) -> PathBuf {
        self.clone_of("", "builder")
    }

    /// The adversary's clone of the unnamed loop.
    pub fn adversary(&self) -> PathBuf {
        self.clone_of("", "adversary")
    }

    /// Writes a file of a clone.
    #[expect(clippy::unused_self, reason = "reads like the others")]
    pub fn write(&self, clone: &Path, name: &str, content: impl AsRef<[u8]>) {
        let path = clone.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Commits all that stands in a clone, also nothing; returns the commit.
    #[track_caller]
    pub fn commit(&self, clone: &Path, subject: &str) -> String {
        self.fleet.git(clone, &["add", "--all"]);
        self.fleet.git(clone, &["commit", "-q", "--allow-empty", "-m", subject]);
        self.fleet.git(clone, &["rev-parse", "HEAD"])
    }

    /// Pushes a clone's branch, by force, as it stands.
    #[track_caller]
    pub fn push(&self, clone: &Path) {
        self.fleet.git(clone, &["push", "-q", "--force", "origin", "HEAD"]);
    }

    /// Commits all that stands in a clone on top of what is pushed, and pushes it; returns the commit.
    #[track_caller]
    pub fn hand_over(&self, clone: &Path, subject: &str) -> String {
        self.commit(clone, subject);
        self.fleet.git(clone, &["pull", "-q", "--rebase"]);
        self.push(clone);
        self.fleet.git(clone, &["rev-parse", "HEAD"])
    }

    /// Writes, commits and pushes the status file of a phase in the builder's clone.
    #[track_caller]
    pub fn push_status(&self, phase: &str, text: impl AsRef<[u8]>) -> String {
        let builder = self.builder();
        self.write(&builder, &format!("machine-docs/STATUS-{phase}.md"), text);
        self.hand_over(&builder, &format!("status({phase}): what it says"))
    }

    /// Waits until what is pushed up to `commit` has been read.
    #[track_caller]
    pub fn until_read(&self, in_loop: &str, commit: &str) -> Picture {
        self.fleet.until_status(&format!("{commit} read"), |picture| {
            picture.loops.iter().any(|found| found.name == in_loop && found.head.as_deref() == Some(commit))
        })
    }

    /// Returns a loop's row of `status --json`.
    #[track_caller]
    pub fn in_loop(&self, name: &str) -> LoopPicture {
        self.fleet.status().loops.into_iter().find(|found| found.name == name).unwrap()
    }

    /// Waits until a loop is in this phase.
    #[track_caller]
    pub fn until_phase(&self, in_loop: &str, id: &str) {
        self.fleet.until_status(&format!("phase {id}"), |picture| {
            picture.loops.iter().any(|found| found.name == in_loop && found.phase.as_deref() == Some(id))
        });
    }

    fn notes(&self, agent: &str) -> PathBuf {
        self.fleet.root.join("home/noted").join(format!("t-{agent}"))
    }

    fn noted(text: &[u8], word: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(text);
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let notes = whole.lines().filter_map(|line| line.split_once(' ')?.1.split_once(' '));
        notes.filter(|(noted, _)| *noted == word).map(|(_, rest)| rest.to_owned()).collect()
    }

    /// Returns what an agent has heard so far.
    pub fn heard(&self, agent: &str) -> Vec<String> {
        Self::noted(&std::fs::read(self.notes(agent)).unwrap_or_default(), "heard")
    }

    /// Counts the texts that an agent has heard with `part` in them.
    pub fn heard_of(&self, agent: &str, part: &str) -> usize {
        self.heard(agent).iter().filter(|text| text.contains(part)).count()
    }

    /// Waits until an agent has heard a text with `part` in it, and returns that text.
    #[track_caller]
    pub fn until_heard(&self, agent: &str, part: &str) -> String {
        until_file(&self.notes(agent), &format!("{agent} hears {part:?}"), |text| {
            Self::noted(text, "heard").into_iter().find(|heard| heard.contains(part))
        })
    }

    /// Returns all starts of an agent so far: process, model, blocked signals, kickoff.
    pub fn starts(&self, agent: &str) -> Vec<String> {
        Self::noted(&std::fs::read(self.notes(agent)).unwrap_or_default(), "start")
    }

    /// Waits for an agent's start number `count`, and returns what it noted.
    #[track_caller]
    pub fn until_start(&self, agent: &str, count: usize) -> String {
        until_file(&self.notes(agent), &format!("start {count} of {agent}"), |text| {
            Self::noted(text, "start").into_iter().nth(count - 1)
        })
    }

    /// Waits until no message waits for anybody.
    #[track_caller]
    pub fn until_nothing_waits(&self) {
        self.fleet.until_status("empty queues", |picture| picture.agents.iter().all(|agent| agent.pending == 0));
    }

    /// Types a line into an agent as a person does, behind the supervisor's back.
    #[track_caller]
    pub fn type_line(&self, agent: &str, line: &str) {
        self.fleet.tmux(agent, &["send-keys", "-l", line]);
        self.fleet.tmux(agent, &["send-keys", "Enter"]);
    }

    /// Lets an agent that was told to hang go on.
    pub fn go_on(&self, agent: &str) {
        std::fs::write(self.fleet.root.join("home").join(format!("t-{agent}.go")), "go\n").unwrap();
    }

    /// Waits until `wanted` is true of what the supervisor explains of an agent.
    #[track_caller]
    pub fn until_explained(&self, agent: &str, part: &str) -> String {
        let bound = Instant::now() + WAIT_MAX;
        loop {
            let said = self.fleet.run(&["explain", agent]).good();
            if said.contains(part) {
                return said;
            }
            assert!(Instant::now() < bound, "waited too long for {part:?} of {agent}:\n{said}");
            rest(LOOK_EVERY);
        }
    }

    /// Replaces the config in one step.
    pub fn reconfigure(&self, config: &str) {
        let draft = self.fleet.project.join("agents.toml.new");
        std::fs::write(&draft, config).unwrap();
        std::fs::rename(draft, self.fleet.config()).unwrap();
    }

    /// Returns all events, one a line, for a test that fails.
    pub fn events_text(&self) -> String {
        let line = |event: &agent_orchestrator::protocol::Event| {
            let about = event.agent.as_deref().unwrap_or_default();
            format!("{} {:?} {about}: {}\n", event.time.format("%M:%S%.3f"), event.event, event.text)
        };
        self.fleet.events().iter().map(line).collect()
    }

    /// Counts the events of this kind and loop.
    pub fn events_of(&self, kind: &str, in_loop: &str) -> usize {
        let is_it = |event: &agent_orchestrator::protocol::Event| {
            serde_json::to_value(event.event).unwrap() == kind && event.in_loop.as_deref() == Some(in_loop)
        };
        self.fleet.events().iter().filter(|event| is_it(event)).count()
    }
}
