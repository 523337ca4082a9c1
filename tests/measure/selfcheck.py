"""The laboratory's proof of itself (`lab.py --selfcheck`)."""
import hashlib
import os
import sys
import time

from figures import children_of, cpu_s, rss_kib
from lab import HERE, PREFIX, Lab, Ours


class Nobody(Ours):
    """No supervisor: the self-check starts the agents itself, where our program would."""

    def __init__(self):
        super().__init__("/bin/false")

    def down(self, lab):
        pass


def start_by_hand(lab, agent, script):
    digest = hashlib.sha256(os.fsencode(lab.config)).hexdigest()[:12]
    socket = lab.runtime / "agent-orchestrator" / digest / "tmux" / agent
    socket.parent.mkdir(parents=True, exist_ok=True)
    server = ["tmux", "-S", str(socket), "-f", "/dev/null"]
    lab.check(lab.run([*server, "new-session", "-d", "-s", PREFIX + agent, "-x", "100", "-y", "20", script]))
    return socket


def selfcheck():
    """Proves the helpers with real tmux, git and stand-in agents, without any supervisor."""
    with Lab(Nobody(), workers=1) as lab:
        since = time.time()
        kickoff = lab.root / "kickoff.txt"
        kickoff.write_text("PHASE p1 ROLE builder\n")
        fake = f"exec {sys.executable} -I -S {HERE}/fake_agent.py {PREFIX}builder {lab.folder} {kickoff}"
        socket = start_by_hand(lab, "builder", fake)
        start_by_hand(lab, "w00", f"exec sh {HERE}/light_agent.sh {PREFIX}w00 {lab.folder}")
        begun = lab.wait_event("builder", "start", since)
        assert begun["kickoff"] == "PHASE p1 ROLE builder\n", begun
        assert since <= lab.wait_event("w00", "start", since)["t"] <= time.time()

        target = f"={PREFIX}builder:"
        lab.check(lab.run(["tmux", "-S", str(socket), "send-keys", "-t", target, "-l", "claim: one"]))
        lab.wait_event("builder", "text", since)
        lab.check(lab.run(["tmux", "-S", str(socket), "send-keys", "-t", target, "Enter"]))
        assert lab.wait_event("builder", "submit", since)["text"] == "claim: one"
        lab.order("builder", "show You've hit your session limit")
        lab.wait_event("builder", "order", since)
        screen = ["tmux", "-S", str(socket), "capture-pane", "-p", "-t", target]
        lab.wait("the banner on the screen", lambda: "hit your session limit" in lab.run(screen).stdout)

        servers = lab.servers()
        assert len(servers) == 2 and socket in servers, servers
        assert begun["pid"] in children_of(servers[socket]), "the agent is the server's child"
        assert cpu_s(begun["pid"]) > 0 and rss_kib(begun["pid"]) > 1000
        assert set(servers.values()) | {begun["pid"]} <= set(lab.marked())

        began, back = lab.push("claim(p1): one", files={"machine-docs/STATUS-1.md": "# Status\n\n## DONE\n"})
        assert began < back and "claim(p1): one" in lab.git(lab.origin, "log", "--format=%s", "main").stdout
        lab.push("review(p1): pass", who="adversary")

        lab.order("builder", "exit 3")
        lab.wait("the end of the agent's server", lambda: socket not in lab.servers())
    assert not lab.root.exists() and not lab.marked(), "nothing is left"
    print("selfcheck: the laboratory works")
