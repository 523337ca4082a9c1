#!/usr/bin/env python3
"""A laboratory for one supervisor: a fleet of stand-in agents, a bare origin and two clones in one temporary folder.

Everything has its own HOME, XDG_RUNTIME_DIR (in memory) and tmux sockets, so that the folder's unique name stands in the
environment of each process; at the end exactly these are ended, by their ids, and the folder is removed.
"""
import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PREFIX = "lab-"
MEMORY = Path("/dev/shm")
# How often the laboratory looks; the times themselves are the agents'. Looking at a whole fleet costs, so it is rarer.
POLL_S, FLEET_POLL_S = 0.005, 0.05


class Ours:
    """How the program is called, and where its tmux servers are."""

    has_bounds = True

    def __init__(self, path):
        self.path = str(path)
        self.name = "agent-orchestrator"

    def watchdog_keys(self, agents):
        return {"max_starting": agents}

    def verb(self, lab, *words):
        return lab.run([self.path, *words, "--config", str(lab.config)])

    def start(self, lab):
        """Starts the supervisor in the foreground, waits until it answers, and has everything started."""
        lab.spawn([self.path, "supervise", "--config", str(lab.config)])
        lab.wait("the supervisor's answer", lambda: self.supervisor_pid(lab))
        self.up(lab)

    def up(self, lab):
        lab.check(self.verb(lab, "up"))

    def watch(self, lab):
        """Sees to it that a fleet that is up is supervised; ours is."""

    def down(self, lab):
        self.verb(lab, "down")

    def supervisor_pid(self, lab):
        told = self.verb(lab, "status", "--json")
        try:
            return json.loads(told.stdout).get("supervisor_pid")
        except ValueError:
            return None

    def sockets(self, lab):
        digest = hashlib.sha256(os.fsencode(lab.config)).hexdigest()[:12]
        folder = lab.runtime / "agent-orchestrator" / digest / "tmux"
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def first_phase(self, lab):
        """Goes back to the first phase and waits until both loop agents work on it."""
        since = time.time()
        lab.check(self.verb(lab, "phase", "set", "p1"))
        lab.both_started("p1", since)


class Predecessor(Ours):
    """The Python harness: one tmux server for all, everything polled."""

    has_bounds = False

    def __init__(self, path):
        self.path = str(Path(path).resolve())
        self.name = "predecessor"

    def watchdog_keys(self, agents):
        return {}

    def verb(self, lab, *words):
        return lab.run([sys.executable, self.path, *words, "--config", str(lab.config)])

    def start(self, lab):
        self.up(lab)
        self.watch(lab)

    def up(self, lab):
        lab.check(self.verb(lab, "up", *lab.agents))

    def watch(self, lab):
        lab.spawn([sys.executable, self.path, "watchdog", "--config", str(lab.config)])

    def supervisor_pid(self, lab):
        return lab.children[0].pid if lab.children else None

    def sockets(self, lab):
        return sorted(lab.root.glob("tmux/tmux-*/default"))

    def first_phase(self, lab):
        lab.check(self.verb(lab, "phase", "set", "0"))


class Lab:
    """One fleet: `builder` and `adversary` (unless `loop` is false), and `workers` light agents `w00`, `w01`, ..."""

    def __init__(self, program, workers=0, loop=True, signal_s=30, heavy_s=300, keep=False):
        self.program, self.keep, self.children, self.pushes = program, keep, [], 0
        self.signal_s, self.heavy_s = signal_s, heavy_s
        self.root = Path(tempfile.mkdtemp(prefix="aol-", dir="/tmp")).resolve()
        # In memory, as a runtime folder is: on a disk, making and removing many small files costs more than all else.
        memory = MEMORY if os.access(MEMORY, os.W_OK) else self.root
        self.runtime, self.folder = memory / f"{self.root.name}-r", self.root / "agents"
        self.origin, self.project = self.root / "origin.git", self.root / "project"
        self.clones = {name: self.root / name for name in ("builder", "adversary")}
        self.workers = [f"w{number:02}" for number in range(workers)]
        self.agents = (list(self.clones) if loop else []) + self.workers
        for folder in (self.runtime, self.folder, self.root / "home", self.root / "tmux", self.project / "prompts"):
            folder.mkdir(parents=True)
        self.runtime.chmod(0o700)
        self.environment = self.make_environment()
        self.make_repositories()
        self.config = self.project / "agents.toml"
        self.config.write_text(self.config_text(loop))
        kickoff = self.project / "prompts" / "kickoff.md"
        kickoff.write_text("PHASE {phase_id} ROLE {role} PLAN {plan} STATUS {status}\n")
        for role in self.clones:
            (self.project / "prompts" / f"{role}.md").write_text(f"You are the {role}.\n")

    def make_environment(self):
        taken = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "USER", "LOGNAME")}
        return {
            **taken,
            "LANG": taken.get("LANG", "C.UTF-8"),
            "HOME": str(self.root / "home"),
            "SHELL": "/bin/sh",
            "TERM": "xterm-256color",
            "XDG_RUNTIME_DIR": str(self.runtime),
            "TMUX_TMPDIR": str(self.root / "tmux"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def make_repositories(self):
        identity = "[user]\n\tname = Lab\n\temail = lab@example.invalid\n[init]\n\tdefaultBranch = main\n"
        (self.root / "home" / ".gitconfig").write_text(identity)
        self.git(self.root, "init", "--quiet", "--bare", str(self.origin))
        self.git(self.root, "clone", "--quiet", str(self.origin), str(self.clones["builder"]))
        documents = self.clones["builder"] / "machine-docs"
        documents.mkdir()
        for number in (1, 2):
            (documents / f"STATUS-{number}.md").write_text(f"# Status {number}\n\nIn progress.\n")
            (documents / f"plan-{number}.md").write_text(f"# Plan {number}\n")
        self.git(self.clones["builder"], "add", "--all")
        self.git(self.clones["builder"], "commit", "--quiet", "--message", "first")
        self.git(self.clones["builder"], "push", "--quiet", "origin", "HEAD:main")
        self.git(self.root, "clone", "--quiet", str(self.origin), str(self.clones["adversary"]))

    def config_text(self, loop):
        fake = f"exec {sys.executable} -I -S {HERE}/fake_agent.py '{{session}}' {self.folder} '{{kickoff}}'"
        light = f"exec sh {HERE}/light_agent.sh '{{session}}' {self.folder}"
        watchdog = {
            "signal_interval": self.signal_s,
            "heavy_interval": self.heavy_s,
            **self.program.watchdog_keys(len(self.agents)),
        }
        patterns = {
            "active_re": "esc to interrupt",
            "limit_re": "hit your .*limit",
            "fatal_re": "thinking blocks cannot be modified",
            "stall_idle": 86400,
        }
        tables = [
            ("[defaults]", {"session_prefix": PREFIX, "log_dir": "logs", "backend": "light", "watch": "heal+stall"}),
            ("[watchdog]", watchdog),
            ("[backend.fake]", {"bin": fake, "prompt_delivery": "exec", "submit_key": "Enter", **patterns}),
            ("[backend.light]", {"bin": light, "prompt_delivery": "exec", **patterns}),
        ]
        if loop:
            tables += self.loop_tables()
        tables += [("[[agent]]", {"name": name, "kind": "persistent", "prompt": "Rest."}) for name in self.workers]
        return "\n".join(table(head, keys) for head, keys in tables)

    def loop_tables(self):
        phases = [{"id": f"p{n}", "plan": f"machine-docs/plan-{n}.md", "status": f"STATUS-{n}.md"} for n in (1, 2)]
        handoff = {
            "repo": str(self.clones["builder"]),
            "state_subdir": "machine-docs",
            "claim_pings": "adversary",
            "review_pings": "builder",
            "inboxes": ["ADVERSARY-INBOX.md", "BUILDER-INBOX.md"],
        }
        agents = [
            {"name": name, "kind": "loop", "role": name, "dir": str(clone), "backend": "fake"}
            for name, clone in self.clones.items()
        ]
        return [
            ("[loop]", {"phases": phases, "kickoff_template": "prompts/kickoff.md"}),
            ("[loop.handoff]", handoff),
            *(("[[agent]]", agent) for agent in agents),
        ]

    # Processes

    def run(self, command, folder=None, timeout_s=60):
        return subprocess.run(
            command,
            cwd=folder or self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def check(self, ended):
        if ended.returncode != 0:
            raise RuntimeError(f"{ended.args} ended with {ended.returncode}: {ended.stderr.strip()}")
        return ended

    def spawn(self, command):
        with open(self.root / "supervisor.out", "ab") as output:
            child = subprocess.Popen(
                command, cwd=self.project, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        self.children.append(child)
        return child

    def git(self, folder, *words):
        return self.check(self.run(["git", *words], folder=folder))

    def servers(self):
        """Process ids of the fleet's tmux servers, by socket."""
        found = {}
        for socket in self.program.sockets(self):
            told = self.run(["tmux", "-S", str(socket), "display-message", "-p", "#{pid}"])
            if told.returncode == 0 and told.stdout.strip():
                found[socket] = int(told.stdout)
        return found

    # What happens

    def events(self, agent, kind, since=0.0):
        try:
            text = (self.folder / f"{PREFIX}{agent}.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        lines = (json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines())
        return [event for event in lines if event["event"] == kind and event["t"] >= since]

    def wait(self, what, condition, timeout_s=60.0, poll_s=POLL_S):
        deadline = time.monotonic() + timeout_s
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not come within {timeout_s:.0f} s; see {self.root}")
            time.sleep(poll_s)

    def wait_event(self, agent, kind, since, fits=lambda event: True, timeout_s=60.0):
        def look():
            return next(filter(fits, self.events(agent, kind, since)), None)

        return self.wait(f"event `{kind}` of `{agent}`", look, timeout_s)

    def both_started(self, phase, since, timeout_s=60.0):
        """Returns when the later of the two loop agents began with the kickoff of `phase`."""

        def fits(event):
            return event["kickoff"].startswith(f"PHASE {phase} ")

        return max(self.wait_event(name, "start", since, fits, timeout_s)["t"] for name in self.clones)

    def all_started(self, since, timeout_s=120.0):
        """Returns when the last agent of the fleet first began after `since`."""
        missing, last = set(self.agents), [0.0]

        def look():
            for name in sorted(missing):
                starts = self.events(name, "start", since)
                if starts:
                    missing.discard(name)
                    last[0] = max(last[0], starts[0]["t"])
            return not missing

        self.wait("a start of every agent", look, timeout_s, FLEET_POLL_S)
        return last[0]

    def order(self, agent, text):
        fifo = os.open(self.folder / f"{PREFIX}{agent}.fifo", os.O_WRONLY | os.O_NONBLOCK)
        os.write(fifo, f"{text}\n".encode())
        os.close(fifo)

    def push(self, subject, who="builder", files=None):
        """Commits and pushes; returns when `git push` began and when it was back."""
        clone = self.clones[who]
        # The predecessor fetches in this very clone; a collision passes.
        pull = ["git", "pull", "--quiet", "--rebase", "origin", "main"]
        self.wait("a pull", lambda: self.run(pull, folder=clone).returncode == 0, timeout_s=10)
        self.pushes += 1
        for name, text in {"counter": f"{self.pushes}\n", **(files or {})}.items():
            (clone / name).write_text(text)
        self.git(clone, "add", "--all")
        self.git(clone, "commit", "--quiet", "--message", subject)
        began = time.time()
        self.git(clone, "push", "--quiet", "origin", "HEAD:main")
        return began, time.time()

    # The end

    def marked(self):
        """Process ids of everything that this laboratory started and that still runs."""
        mark, found = os.fsencode(self.root), []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if mark in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
                except OSError:
                    pass
        return found

    def close(self):
        servers = []
        try:
            self.program.down(self)
            servers = list(self.servers().values())
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"`down` failed: {error}", file=sys.stderr)
        for child in self.children:
            child.terminate()
        for pid in {*servers, *self.marked()}:
            end(pid, signal.SIGKILL)
        for child in self.children:
            child.wait(10)
        if self.keep:
            print(f"kept {self.root} and {self.runtime}", file=sys.stderr)
        else:
            shutil.rmtree(self.root, ignore_errors=True)
            shutil.rmtree(self.runtime, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.keep = self.keep or error is not None
        self.close()


def end(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def table(head, keys):
    return f"{head}\n" + "".join(f"{key} = {toml(value)}\n" for key, value in keys.items())


def toml(value):
    """A value as TOML; JSON's strings, numbers and lists are TOML's as well."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def arguments(description, agents):
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    built = HERE.parents[1] / "target" / "release" / "agent-orchestrator"
    parser.add_argument("--program", type=Path, default=built, help="the program (default: %(default)s)")
    parser.add_argument("--peer", type=Path, help="measure the predecessor's runnable instead")
    parser.add_argument("--agents", type=int, default=agents, help="how many light agents (default: %(default)s)")
    parser.add_argument("--signal", type=int, default=30, help="signal_interval, s (default: %(default)s)")
    parser.add_argument("--heavy", type=int, default=300, help="heavy_interval, s (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep the laboratory's folder")
    return parser


def parse(parser):
    """Returns the arguments and the program that they choose."""
    given = parser.parse_args()
    path = given.peer or given.program
    if not path.is_file():
        parser.error(f"there is no `{path}`; build it (cargo build --release) or name it")
    return given, Predecessor(path) if given.peer else Ours(path.resolve())


def make(program, given, **more):
    return Lab(program, signal_s=given.signal, heavy_s=given.heavy, keep=given.keep, **more)


if __name__ == "__main__":
    own = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    own.add_argument("--selfcheck", action="store_true", required=True, help="prove the laboratory itself")
    own.parse_args()
    from selfcheck import selfcheck

    selfcheck()
