"""Drives the real agent programs under the real supervisor, against a stand-in for the models' services.

    suite.py PROGRAM [NAME]...    PROGRAM is agent-orchestrator; NAME claude, opencode, codex, gemini (all)

A row is a state that an agent is brought into: what its own events told, what its screen showed, what was done.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import clis
from api import Api

STATE_S_MAX = 60
# opencode's first request takes that long on two busy processors.
START_S_MAX = 150
LIMIT_S_MAX = 150
SCREEN_S_MAX = 3
LOOK_EVERY_S = 0.2
TEXTS = {
    "short": "{} please say hello",
    "long": "{} " + "a long line of words goes on " * 50 + "to its end",
    "multi": "{}\n" + "\n".join(f"line {number} of a text" for number in range(1, 9)) + "\nthe end",
}
# The prompt itself, or the line that points to its file.
KICKOFFS = ("KICKOFF", "Your instructions for this run")
CONFIG = """
[defaults]
session_prefix = "s-"
log_dir = "logs"
backend = "{backend}"
watch = "heal"
[watchdog]
limit_probe_fallback = 10
limit_reset_slack = 0
[[agent]]
name = "a"
prompt = "KICKOFF: say that you are there"
"""


class Failed(Exception):
    pass


WORLDS = []


def give_up(*_):
    """Ends what was started when the suite itself is ended."""
    for world in WORLDS:
        world.end()
    os._exit(1)


class World:
    """One agent program in a home of its own."""

    def __init__(self, program, name):
        self.name, self.program = name, program
        self.root = Path(tempfile.mkdtemp(prefix=f"ao-{name}-")).resolve()
        self.home, self.project, self.run_dir = (self.root / each for each in ("home", "p", "r"))
        for folder in (self.home, self.project, self.run_dir):
            folder.mkdir()
        self.api = Api()
        keep = {key: value for key, value in os.environ.items() if key in ("LANG", "LC_ALL", "TERM", "TMPDIR")}
        path = f"{clis.install(name)}:{os.environ['PATH']}"
        self.env = {**keep, "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.run_dir), "PATH": path, "NO_PROXY": "*",
                    **clis.PREPARE[name](self.home, self.project, self.api.address)}
        subprocess.run(["git", "init", "-q", self.project], check=True, env=self.env)
        (self.project / "agents.toml").write_text(CONFIG.format(backend=name))
        WORLDS.append(self)

    def verb(self, *words, check=True, limit_s=120):
        done = subprocess.run([self.program, *words], cwd=self.project, env=self.env, capture_output=True, text=True,
                              timeout=limit_s, stdin=subprocess.DEVNULL, check=False)
        if check and done.returncode:
            raise Failed(f"`{' '.join(words[:2])}` exits with {done.returncode}: {done.stderr.strip()}")
        return done

    def agent(self):
        return next(agent for agent in json.loads(self.verb("status", "--json").stdout)["agents"] if agent["name"] == "a")

    def sources(self):
        return json.loads(self.verb("explain", "a", "--json").stdout)["sources"]

    def until(self, what, found, limit_s=STATE_S_MAX):
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if result := found():
                return result
            with self.api.changed:
                self.api.changed.wait(LOOK_EVERY_S)
        state = self.agent()
        raise Failed(f"no {what} within {limit_s} s: {state['state']} ({state['detail']})")

    def until_state(self, *words, limit_s=STATE_S_MAX):
        return self.until("/".join(words), lambda: (agent := self.agent())["state"] in words and agent, limit_s)

    def kickoffs(self):
        return sum(self.api.count(word) for word in KICKOFFS)

    def stays(self, word, length_s):
        end = time.monotonic() + length_s
        while time.monotonic() < end:
            if (state := self.agent()["state"]) != word:
                raise Failed(f"{state} while it writes its answer")
            with self.api.changed:
                self.api.changed.wait(LOOK_EVERY_S)

    def tmux(self, *words):
        socket = next(self.run_dir.glob("agent-orchestrator/*/tmux/a"), None)
        if socket is None:
            return ""
        return subprocess.run(["tmux", "-S", socket, *words], env=self.env, capture_output=True, text=True, check=False).stdout

    def seen(self, *meanings):
        """The newest event's words, and what the screen shows of these meanings, or at all."""
        # Events come first; the screen is looked at a moment later.
        end = time.monotonic() + SCREEN_S_MAX
        while True:
            told, read = self.seen_now(meanings)
            if time.monotonic() > end or not meanings or read.split()[0] in meanings:
                return told, read
            with self.api.changed:
                self.api.changed.wait(LOOK_EVERY_S)

    def seen_now(self, meanings):
        sources = self.sources()
        told = [each for each in sources if each["name"] == "events" and each["age_s"] is not None]
        told.sort(key=lambda each: each["age_s"])
        # What was told stands among the screen's readings, under rules of its own.
        read = [each["says"] for each in sources if each["name"] == "screen" and "by rule told-" not in each["says"]]
        read.sort(key=lambda says: says.split()[0] not in meanings)
        return (told[0]["says"] if told else "-"), (read[0] if read else "-")

    def processes(self):
        mark, found = os.fsencode(self.root), []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes():
                    found.append(f"{entry.name} {(entry / 'cmdline').read_bytes().replace(bytes(1), b' ').decode()[:80]}")
            except OSError:
                pass
        return found

    def end(self):
        self.verb("down", check=False)
        for line in self.processes():
            try:
                os.kill(int(line.split()[0]), 9)
            except ProcessLookupError:
                pass
        self.api.server.shutdown()
        shutil.rmtree(self.root, ignore_errors=True)


def start(world):
    world.verb("up")
    world.until("kickoff", lambda: world.kickoffs(), limit_s=START_S_MAX)
    world.until_state("idle", limit_s=START_S_MAX)
    if world.kickoffs() != 1:
        raise Failed(f"the kickoff came {world.api.count('KICKOFF')} times")
    return world.seen("idle"), "started unattended, kickoff delivered once"


def working(world):
    world.api.slow_s, world.api.mode = 7, "slow"
    world.verb("send", "a", "work a little")
    world.until_state("working", limit_s=10)
    world.stays("working", 2)
    seen = world.seen("working")
    world.api.mode = "answer"
    return seen, "shown as working, and stays so"


def idle(world):
    world.until_state("idle")
    return world.seen("idle"), "shown as idle"


def deliver_idle(world):
    return deliver(world, "idle", lambda name, text: (world.until_state("idle"), world.verb("send", "a", "--", text)))


def deliver_busy(world):
    world.api.slow_s, world.api.mode = 4, "slow"
    world.verb("send", "a", "be busy")
    world.until_state("working", limit_s=10)
    world.api.mode = "answer"
    return deliver(world, "busy", lambda name, text: world.verb("send", "a", "--queue", "--", text))


def deliver(world, when, send):
    names = []
    for kind, text in TEXTS.items():
        for number in range(3):
            name = f"{when}-{kind}-{number}"
            names.append((name, text.format(name)))
            send(*names[-1])
    world.until("arrival of all", lambda: all(world.api.count(name) for name, _ in names), limit_s=90)
    world.until_state("idle")
    bad = [name for name, text in names if world.api.count(name) != 1 or world.api.count(text) != 1]
    if bad:
        raise Failed(f"not once and whole: {', '.join(bad)}")
    return world.seen("idle"), f"{len(names)} of {len(names)} once and whole"


def question(world):
    asked = world.project / "asked"
    world.api.command = f"touch {asked} # escalated"
    world.api.mode = "tool"
    world.verb("send", "a", "call the tool")
    world.until_state("attention")
    seen = world.seen("permission")
    if asked.exists():
        raise Failed("the tool ran without a question")
    held = world.verb("send", "a", "--wait", "2", "not now", check=False).returncode
    world.api.mode = "answer"
    world.tmux("send-keys", "-t", "=s-a:", "Escape")
    world.until("end of the question", lambda: world.agent()["state"] in ("idle", "working"))
    if held not in (5, 8):
        raise Failed(f"a message behind the question exits with {held}")
    return seen, "shown as attention, message held back, not answered"


def limit(world):
    world.until_state("idle")
    # Banners name the minute.
    world.api.reset_at, world.api.mode = (int(time.time() + 20) // 60 + 1) * 60, "limit"
    world.verb("send", "a", "--queue", "into the limit")
    state = world.until_state("limited", "waiting", "attention")
    seen = world.seen("limited", "limit-menu", "continues-by-itself")
    if state["state"] != "limited":
        raise Failed(f"shown as {state['state']} ({state['detail']})")
    if world.name == "gemini":
        # Its menu, keep trying or stop, is a person's to answer.
        world.until("reset", lambda: time.time() >= world.api.reset_at, limit_s=LIMIT_S_MAX)
        world.tmux("send-keys", "-t", "=s-a:", "Enter")
    world.until_state("idle", "working", limit_s=LIMIT_S_MAX)
    early_s = world.api.reset_at - time.time()
    if early_s > 1:
        raise Failed(f"went on {early_s:.0f} s before the reset")
    world.until_state("idle")
    return seen, "held until the reset, its menu left to a person" if world.name == "gemini" else "held until the reset, goes on"


def login(world):
    world.until_state("idle")
    world.api.mode = "login"
    world.verb("send", "a", "--queue", "without a login")
    world.until_state("attention")
    seen = world.seen("login")
    world.api.mode = "answer"
    world.verb("restart", "a")
    world.until_state("idle")
    return seen, "shown as attention"


def fatal(world):
    world.until_state("idle")
    before = world.kickoffs()
    world.api.mode = "fatal"
    world.verb("send", "a", "--queue", "into the fault")
    seen = world.until("what it says", lambda: any("thinking" in part for part in world.seen("fatal")) and world.seen("fatal"))
    world.api.mode = "answer"
    world.until("fresh start", lambda: world.kickoffs() > before)
    world.until_state("idle")
    return seen, "started anew, with the kickoff"


def kill(world):
    world.until_state("idle")
    conversation = world.agent()["conversation"]
    pid = int(world.tmux("display-message", "-p", "-t", "=s-a:", "#{pane_pid}"))
    os.kill(pid, 9)
    world.until("another start", lambda: world.tmux("display-message", "-p", "-t", "=s-a:", "#{pane_pid}").strip() not in ("", str(pid)))
    world.until_state("idle")
    return world.seen("idle"), f"started again (conversation before: {'known' if conversation else 'unknown'})"


def transcript(world):
    said = world.verb("transcript", "a", "--all", "-n", "10000").stdout
    kickoff = next((word for word in KICKOFFS if f"prompt {word}" in said), "prompt of the kickoff")
    missing = [word for word in (f"prompt {kickoff}", "says   This is the stand-in's answer.") if word not in said]
    if missing:
        raise Failed(f"the transcript lacks {missing}: {said[-400:]}")
    return ("-", "-"), "the transcript has prompts and answers"


def stop(world):
    world.verb("down")
    world.until("end of all processes", lambda: not world.processes(), limit_s=10)
    return ("-", "-"), "nothing is left running"


STEPS = [start, working, idle, deliver_idle, deliver_busy, question, kill, limit, login, fatal, transcript, stop]


def rows(program, name):
    """The rows of one program: step, event, screen, action; and whether all is right."""
    try:
        world = World(program, name)
    except LookupError as error:
        print(f"{name}: not tried: {error}", flush=True)
        return [], True
    found, good = [], True
    try:
        for step in STEPS:
            began = time.monotonic()
            try:
                (event, screen), action = step(world)
            except (Failed, subprocess.TimeoutExpired, StopIteration) as error:
                event, screen, action, good = "", "", f"FAILED: {error!s:.300}", False
                try:
                    event, screen = world.seen()
                    print(world.tmux("capture-pane", "-p", "-t", "=s-a:"), file=sys.stderr)
                except Exception:
                    traceback.print_exc()
            world.api.mode = "answer"
            found.append((name, step.__name__.replace("_", ", "), event, screen, action))
            print(f"{name} {step.__name__}: {action} ({time.monotonic() - began:.1f} s)", flush=True)
            if step is start and not good:
                break
    finally:
        world.end()
    return found, good


def main():
    program, names = str(Path(sys.argv[1]).resolve()), sys.argv[2:] or list(clis.PINNED)
    results = {}
    signal.signal(signal.SIGTERM, give_up)
    signal.signal(signal.SIGINT, give_up)

    def one(name):
        results[name] = rows(program, name)

    threads = [threading.Thread(target=one, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n| program | state | its events told | its screen showed | what was done |\n| --- | --- | --- | --- | --- |")
    for name in names:
        for row in results.get(name, ([], False))[0]:
            cells = [str(cell).replace("|", "\\|").replace("\n", " ")[:110] for cell in row]
            cells[0] = f"{name} {clis.PINNED[name]['version']}"
            print(f"| {' | '.join(cells)} |")
    return 0 if all(results.get(name, ([], False))[1] for name in names) else 1


if __name__ == "__main__":
    sys.exit(main())
