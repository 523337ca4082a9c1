//! Which fleet is simulated: drawn by the seed, written as a config, read by the program's own parser.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use agent_orchestrator::config::{self, Where};
use agent_orchestrator::policy::fleet::Fleet;

use super::random::Random;
use super::teller::{self, Teller};

const HEAD: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "/p/logs"
backend = "box"
[notify]
command = ["tell-me"]
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "hit your .*limit"
fatal_re = "cannot be modified"
process_name = "agent"
submit_key = "Enter"
stall_idle = 1800
[backend.ping]
bin = "pinger"
prompt_delivery = "ping"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "hit your .*limit"
fatal_re = "cannot be modified"
process_name = "pinger"
stall_idle = 1800
[backend.blind]
bin = "blind"
prompt_delivery = "exec"
active_re = "esc to interrupt"
process_name = "blind"
submit_key = "Enter"
stall_idle = 1800
[backend.claude]
stall_idle = 1800
"#;

/// One loop of the fleet.
#[derive(Debug, Clone)]
pub struct LoopSetup {
    pub name: String,
    pub backends: [&'static str; 2],
    pub phases: Vec<String>,
    pub auto_advance: bool,
    pub worktree: bool,
    pub follows: bool,
}

/// What can be edited in the config.
#[derive(Debug, Clone)]
pub struct Setup {
    pub loops: Vec<LoopSetup>,
    /// Names of `persistent` agents, services and tasks, each with the lines of its table.
    others: Vec<(String, String)>,
    pub disabled: BTreeSet<String>,
    pub removed: BTreeSet<String>,
    pub added: u64,
    pub signal_interval: u64,
    pub draft_alarm: u64,
    pub max_starting: u64,
    /// What is saved is no config at all.
    pub broken: bool,
    /// How the programs of each backend tell of themselves.
    tellers: Vec<(&'static str, Teller)>,
    /// Every agent's conversation is resumed.
    resumes: bool,
}

impl Setup {
    pub fn draw(random: &mut Random) -> Self {
        let count = if random.percent(30) { 2 } else { 1 };
        let loops = (0..count).map(|at| LoopSetup {
            name: if count == 1 { String::new() } else { format!("l{at}") },
            backends: [
                random.pick(&["claude", "box", "ping"]).copied().unwrap_or("box"),
                random.pick(&["claude", "claude", "box", "ping", "blind"]).copied().unwrap_or("box"),
            ],
            phases: (1..=random.between(2..=4)).map(|number| format!("p{number}")).collect(),
            auto_advance: random.percent(85),
            worktree: random.percent(20),
            follows: random.percent(60) && at == 0,
        });
        let loops: Vec<LoopSetup> = loops.collect();
        let mut others = Vec::new();
        for (name, lines) in [
            (
                "solo",
                "prompt = \"x\"\nbackend = \"claude\"\nwatch = \"heal+stall\"\nresume = true\n\
              wake = { prompt_file = \"wake.md\", interval = 3600 }",
            ),
            (
                "opus",
                "prompt = \"x\"\nbackend = \"claude\"\nmodel = \"claude-opus-4\"\nresume = true\nwatch = \"heal+stall\"",
            ),
            ("helper", "prompt = \"x\"\nwake = { prompt_file = \"wake.md\", interval = 5400 }\nwatch = \"heal\""),
            ("second", "prompt = \"x\"\nwatch = \"heal+stall\""),
            ("typed", "prompt = \"x\"\nbackend = \"ping\"\nwatch = \"heal+stall\""),
            ("blind", "prompt = \"x\"\nbackend = \"blind\"\nwatch = \"heal+stall\""),
            ("loose", "prompt = \"x\"\nwatch = \"none\""),
        ] {
            if random.percent(22) {
                others.push((name.to_owned(), format!("[[agent]]\nname = \"{name}\"\n{lines}\n")));
            }
        }
        if loops.iter().any(|a_loop| a_loop.follows) || random.percent(30) {
            let task = "[[agent]]\nname = \"report\"\nkind = \"task\"\nprompt = \"x\"\nwatch = \"heal\"\n";
            others.push(("report".to_owned(), task.to_owned()));
        }
        if random.percent(30) {
            others.push(("web".to_owned(), "[[service]]\nname = \"web\"\ncommand = \"serve\"\n".to_owned()));
        }
        Self {
            loops,
            others,
            disabled: BTreeSet::new(),
            removed: BTreeSet::new(),
            added: 0,
            signal_interval: *random.pick(&[30, 180, 300]).unwrap_or(&300),
            draft_alarm: 900,
            max_starting: random.between(1..=4),
            broken: false,
            tellers: Vec::new(),
            resumes: false,
        }
    }

    /// Lets programs tell of themselves.
    pub fn draw_tellers(&mut self, random: &mut Random) {
        self.tellers = teller::draw(random);
        self.resumes = random.percent(50);
    }

    /// Says how a backend's programs tell.
    pub fn teller(&self, backend: &str) -> Teller {
        self.tellers.iter().find(|(name, _)| *name == backend).map_or(Teller::Silent, |(_, teller)| *teller)
    }

    /// Edits the config so that every sequence can come to its end.
    pub fn calm(&mut self) {
        self.broken = false;
        self.disabled.clear();
        for a_loop in &mut self.loops {
            a_loop.auto_advance = true;
        }
    }

    /// Names everything that the config can name.
    pub fn names(&self) -> Vec<String> {
        let members = self.loops.iter().flat_map(|a_loop| [a_loop.builder(), a_loop.adversary()]);
        members.chain(self.others.iter().map(|(name, _)| name.clone())).chain(self.extra()).collect()
    }

    /// Says whether nothing else in the config needs the agent.
    pub fn is_removable(&self, name: &str) -> bool {
        name != "report" && self.others.iter().any(|(other, _)| other == name)
    }

    fn extra(&self) -> impl Iterator<Item = String> {
        (1..=self.added).map(|number| format!("extra{number}"))
    }

    fn head(&self) -> String {
        let mut head = HEAD.to_owned();
        for (backend, teller) in &self.tellers {
            let events = match teller {
                Teller::Silent => continue,
                Teller::Claude => "claude",
                Teller::Codex => "codex",
                Teller::Gemini => "gemini",
                Teller::Opencode => "opencode",
            };
            let table = format!("[backend.{backend}]\n");
            head = head.replace(&table, &format!("{table}events = \"{events}\"\n"));
        }
        if self.resumes {
            head = head.replace("process_name", "supports_resume = true\nprocess_name");
            head = head.replace("[defaults]\n", "[defaults]\nresume = true\n");
        }
        head
    }

    fn text(&self) -> String {
        let mut text = self.head();
        let Self { signal_interval, draft_alarm, max_starting, .. } = self;
        let _ = write!(
            text,
            "[watchdog]\nsignal_interval = {signal_interval}\ndraft_alarm = {draft_alarm}\nmax_starting = {max_starting}\n"
        );
        for a_loop in &self.loops {
            a_loop.write(&mut text);
        }
        let mut tables: Vec<(String, String)> = self.loops.iter().flat_map(LoopSetup::agents).collect();
        tables.extend(self.others.iter().cloned());
        tables.extend(self.extra().map(|name| {
            let lines = format!("[[agent]]\nname = \"{name}\"\nprompt = \"x\"\nwatch = \"heal\"\n");
            (name, lines)
        }));
        for (name, table) in tables.iter().filter(|(name, _)| !self.removed.contains(name)) {
            text.push_str(table);
            if self.disabled.contains(name) {
                text.push_str("enabled = false\n");
            }
        }
        text
    }

    /// Reads the config as the program does.
    pub fn fleet(&self) -> Arc<Fleet> {
        let text = self.text();
        let at = Where { file: PathBuf::from("/p/agents.toml"), home: None };
        let parsed = config::parse(&text, &at);
        let fleet = parsed.fleet.unwrap_or_else(|| panic!("{:?} in {text}", parsed.mistakes));
        Arc::new(fleet)
    }
}

impl LoopSetup {
    pub fn builder(&self) -> String {
        format!("builder{}", self.name)
    }

    pub fn adversary(&self) -> String {
        format!("adversary{}", self.name)
    }

    fn agents(&self) -> [(String, String); 2] {
        let [first, second] = self.backends;
        let table = |name: &str, role: &str, backend: &str| {
            let of_loop = if self.name.is_empty() { String::new() } else { format!("loop = \"{}\"\n", self.name) };
            format!(
                "[[agent]]\nname = \"{name}\"\nkind = \"loop\"\nrole = \"{role}\"\nbackend = \"{backend}\"\n\
                 watch = \"heal+stall\"\n{of_loop}"
            )
        };
        let (builder, adversary) = (self.builder(), self.adversary());
        let tables = [table(&builder, "builder", first), table(&adversary, "adversary", second)];
        let [one, other] = tables;
        [(builder, one), (adversary, other)]
    }

    fn write(&self, text: &mut String) {
        let name = if self.name.is_empty() { String::new() } else { format!("name = \"{}\"\n", self.name) };
        let (open, table) = if self.name.is_empty() { ("[loop]", "loop") } else { ("[[loop]]", "loop") };
        let source = if self.worktree { "worktree" } else { "pushed" };
        let _ = write!(
            text,
            "{open}\n{name}roles_dir = \"prompts\"\nauto_advance = {}\ndone_source = \"{source}\"\n",
            self.auto_advance
        );
        for id in &self.phases {
            let _ = write!(
                text,
                "[[{table}.phases]]\nid = \"{id}\"\nplan = \"plan-{id}.md\"\nstatus = \"STATUS-{id}.md\"\n"
            );
        }
        let _ = write!(
            text,
            "[{table}.handoff]\nrepo = \"repo{}\"\nclaim_pings = \"{}\"\nreview_pings = \"{}\"\n\
             inboxes = [\"ADVERSARY-INBOX.md\", \"BUILDER-INBOX.md\"]\n",
            self.name,
            self.adversary(),
            self.builder()
        );
        if self.follows {
            let _ = write!(text, "[{table}.on_complete]\nrun = \"report\"\n");
        }
    }
}
