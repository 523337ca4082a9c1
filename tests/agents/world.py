"""A fleet of real agent programs in a home of its own, under the real supervisor, each with a stand-in for its service."""
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import clis
from api import Api

STATE_S_MAX = 120
COMMAND_S_MAX = 60
SCREEN_S_MAX = 3
LOOK_EVERY_S = 0.4
# Of a command line.
LINE_MAX = 400
# The prompt itself, or the line that points to its file.
KICKOFFS = ("KICKOFF", "Your instructions for this run")


# Gemini reads the hooks that a start gives it only of a folder that is root's alone, as the temporary one is not.
SAFE = Path("/run")


class Failed(Exception):
    pass


WORLDS = []
ENDING = threading.Event()


def give_up(*_):
    """Ends what was started when the suite itself is ended."""
    ENDING.set()
    for world in list(WORLDS):
        world.end()
    os._exit(1)


class World:
    """Agents by name, each with the program that it is; the first one is who is asked for where none is named."""

    def __init__(self, program, agents, config, unattended=False):
        if ENDING.is_set():
            raise Failed("the suite is being ended")
        self.program, self.agents, self.first = program, agents, next(iter(agents))
        self.name = agents[self.first]
        self.root = Path(tempfile.mkdtemp(prefix=f"ao-{'-'.join(agents.values())}-")).resolve()
        self.home, self.project, self.run_dir = (self.root / each for each in ("home", "p", "r"))
        if is_root := os.geteuid() == 0 and os.access(SAFE, os.W_OK):
            self.run_dir = Path(tempfile.mkdtemp(prefix="ao-", dir=SAFE))
        for folder in (self.home, self.project, self.run_dir):
            folder.mkdir(exist_ok=True)
        self.apis = {agent: Api() for agent in agents}
        self.api = self.apis[self.first]
        self.deliveries = 0
        keep = {key: value for key, value in os.environ.items() if key in ("LANG", "LC_ALL", "TERM", "TMPDIR")}
        folders = [*(clis.installed(name) for name in agents.values()), Path(program).parent]
        path = ":".join([*map(str, folders), os.environ["PATH"]])
        self.env = {**keep, "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.run_dir), "PATH": path, "NO_PROXY": "*"}
        for agent, name in agents.items():
            self.env.update(clis.PREPARE[name](self.home, self.apis[agent].address, unattended))
        if "gemini" in agents.values() and not is_root:
            clis.add_gemini_hooks(self.home)
        (self.project / "agents.toml").write_text(config)
        self.verb("trust")
        WORLDS.append(self)

    def command(self, *words, where=None):
        done = subprocess.run(words, cwd=where or self.project, env=self.env, capture_output=True, text=True,
                              timeout=COMMAND_S_MAX, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise Failed(f"`{' '.join(map(str, words[:3]))}` exits with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def verb(self, *words, check=True, limit_s=180, env=()):
        done = subprocess.run([self.program, *words], cwd=self.project, env={**self.env, **dict(env)}, capture_output=True, text=True,
                              timeout=limit_s, stdin=subprocess.DEVNULL, check=False)
        if check and done.returncode:
            raise Failed(f"`{' '.join(words[:2])}` exits with {done.returncode}: {done.stderr.strip()}")
        return done

    def status(self):
        return json.loads(self.verb("status", "--json").stdout)

    def agent(self, name=None):
        return next(agent for agent in self.status()["agents"] if agent["name"] == (name or self.first))

    def sources(self):
        return json.loads(self.verb("explain", self.first, "--json").stdout)["sources"]

    def until(self, what, found, limit_s=STATE_S_MAX):
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if result := found():
                return result
            with self.api.changed:
                self.api.changed.wait(LOOK_EVERY_S)
        states = ", ".join(f"{name} {(state := self.agent(name))['state']} ({state['detail']})" for name in self.agents)
        raise Failed(f"no {what} within {limit_s} s: {states}")

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

    def tmux(self, *words, agent=None):
        agent = agent or self.first
        socket = next(self.run_dir.glob(f"agent-orchestrator/*/tmux/{agent}"), None)
        if socket is None:
            return ""
        words = [word.replace("PANE", f"=s-{agent}:") for word in words]
        return subprocess.run(["tmux", "-S", socket, *words], env=self.env, capture_output=True, text=True,
                              timeout=COMMAND_S_MAX, check=False).stdout

    def pane_pid(self):
        return self.tmux("display-message", "-p", "-t", "PANE", "#{pane_pid}").strip()

    def screen(self, agent=None):
        return self.tmux("capture-pane", "-p", "-t", "PANE", agent=agent)

    def seen(self, told=(), *meanings):
        """What its events told of these beginnings, newest first, and what title and screen show of these meanings."""
        # Events come first; the screen is looked at a moment later.
        end = time.monotonic() + SCREEN_S_MAX
        heard = titled = read = ""
        while True:
            # What has gone again was seen.
            heard, titled, read = (before or now for before, now in zip((heard, titled, read), self.seen_now(told, meanings)))
            if time.monotonic() > end or ((heard or not told) and (read or not meanings)):
                return heard, titled, read
            with self.api.changed:
                self.api.changed.wait(LOOK_EVERY_S)

    def seen_now(self, told, meanings):
        sources = self.sources()
        heard = [each for each in sources if each["name"] in ("events", "receipts")]
        heard.sort(key=lambda each: each["age_s"] or 0)
        heard = [each["says"] for each in heard if any(word in each["says"] for word in told)]
        # What was told stands among the screen's readings, under rules of its own.
        of = lambda name: [each["says"] for each in sources if each["name"] == name and "by rule told-" not in each["says"]]
        shows = lambda name: next((says for says in of(name) if says.split()[0] in meanings), "")
        return heard[0] if heard else "", shows("title"), shows("screen")

    def events(self, kind):
        """The texts of its events of this kind, the oldest first."""
        found = map(json.loads, self.verb("events", "-n", "1000", "--json").stdout.splitlines())
        return [event["text"] for event in found if event["event"] == kind]

    def processes(self):
        mark, found = os.fsencode(self.root), []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes():
                    found.append(f"{entry.name} {(entry / 'cmdline').read_bytes().replace(bytes(1), b' ').decode(errors='replace')[:LINE_MAX]}")
            except OSError:
                pass
        return found

    def end(self):
        try:
            self.verb("down", check=False, limit_s=COMMAND_S_MAX)
        except subprocess.TimeoutExpired:
            pass
        for line in self.processes():
            try:
                os.kill(int(line.split()[0]), 9)
            except ProcessLookupError:
                pass
        for api in self.apis.values():
            api.server.shutdown()
            api.server.server_close()
        for folder in (self.run_dir, self.root):
            shutil.rmtree(folder, ignore_errors=True)
        if self in WORLDS:
            WORLDS.remove(self)
