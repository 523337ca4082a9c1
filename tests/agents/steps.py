"""What one agent program is brought into, step by step: what its events told, what its screen showed, what was done."""
import os
import re
import select
import time
import urllib.error
import urllib.request

from api import BREAKING
from world import KICKOFFS, Failed

# opencode's first request takes that long on two busy processors.
START_S_MAX = 300
LIMIT_S_MAX = 200
# Of each text, idle and busy.
DELIVERIES = 3
# Between two arrivals: a program that is busy works its prompts off one by one.
ARRIVAL_S_MAX = 120
END_S_MAX = 10
TRANSCRIPT_S_MAX = 30
TEXTS = {
    "short": "{} please say hello",
    "long": "{} " + "a long line of words goes on " * 50 + "to its end",
    "multi": "{}\n" + "\n".join(f"line {number} of a text" for number in range(1, 9)) + "\nthe end",
}
RESUME = "Go on where you stopped."
CONFIG = """
[defaults]
session_prefix = "s-"
log_dir = "logs"
backend = "{backend}"
watch = "heal"
resume = true
[watchdog]
limit_probe_fallback = 10
limit_reset_slack = 0
[backend.{backend}]
answers = {{ context-full = "{compacts}" }}
[[agent]]
name = "a"
{model}prompt = "KICKOFF: say that you are there"
"""
# Who has stopped at a limit is asked at its end; opencode goes on by itself, Gemini with its menu.
PROBED = ("claude", "codex")
COMPACTS = {"claude": "/compact", "opencode": "/compact", "codex": "/compact", "gemini": "/compress"}
# Without one a conversation of these would stay with the model that it had last.
MODELS = {"claude": 'model = "sonnet"\n', "codex": 'model = "gpt-5"\n', "opencode": 'model = "own/stand-in"\n'}


def config(name):
    return CONFIG.format(backend=name, compacts=COMPACTS[name], model=MODELS.get(name, ""))


RESTS = ("the turn has ended", "it rests")
NOTHING = ("-", "-", "-")


def start(world):
    world.verb("up")
    world.until("kickoff", world.kickoffs, limit_s=START_S_MAX)
    world.until_state("idle", limit_s=START_S_MAX)
    if (times := world.kickoffs()) != 1:
        raise Failed(f"the kickoff came {times} times")
    if world.name == "opencode":
        refuses_strangers(world)
    return world.seen(RESTS, "idle"), "started unattended, kickoff delivered once"


def refuses_strangers(world):
    """The server by which it tells runs commands for whoever may ask it."""
    ports = {port for line in world.processes() for port in re.findall(r" --port (\d+)", line)}
    if not ports:
        raise Failed("its server is not to be found")
    for port in ports:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/session", timeout=10)
        except urllib.error.HTTPError as error:
            if error.code == 401:
                continue
            raise Failed(f"its server answers a stranger with {error.code}") from error
        raise Failed("its server answers whoever asks")


def working(world):
    world.api.slow_s, world.api.mode = 7, "slow"
    world.verb("send", "a", "work a little")
    world.until_state("working", limit_s=10)
    world.stays("working", 2)
    seen = world.seen(("a turn runs",), "working")
    world.api.mode = "answer"
    return seen, "shown as working, and stays so"


def idle(world):
    world.until_state("idle")
    return world.seen(RESTS, "idle"), "shown as idle"


def deliver_idle(world):
    def send(_, text):
        world.until_state("idle")
        world.verb("send", "a", "--", text)
    return deliver(world, "idle", send)


def deliver_busy(world):
    world.until_state("idle")
    # Each one comes while it works on the one before.
    world.api.slow_s, world.api.mode = 4, "slow"
    world.verb("send", "a", "be busy")
    world.until_state("working", limit_s=10)
    world.api.slow_s = 1
    return deliver(world, "busy", lambda _, text: world.verb("send", "a", "--queue", "--", text))


def deliver(world, when, send):
    names = []
    for kind, text in TEXTS.items():
        for number in range(world.deliveries):
            # No name is the beginning of another one.
            name = f"{when}-{kind}-{number:03}"
            names.append((name, text.format(name)))
            send(*names[-1])
    missing = {name for name, _ in names}
    while missing:
        arrived = lambda: {name for name in missing if world.api.count(name)}
        missing -= world.until(f"arrival of {len(missing)} more", arrived, limit_s=ARRIVAL_S_MAX)
    world.api.mode = "answer"
    world.until_state("idle")
    # By the conversation: a request that broke off is asked of the service again by the program itself.
    bad = [name for name, text in names if world.api.said_times(name) != 1 or world.api.said_times(text) != 1]
    if bad:
        times = [f"{name} {world.api.said_times(name)} times" for name in bad]
        raise Failed(f"not once and whole: {', '.join(times)}: {world.api.prompts_with(bad[0])}")
    again = [f"{name} {world.api.count(name)} times" for name, _ in names if world.api.count(name) != 1]
    by_itself = f"; the program itself has asked the service again: {', '.join(again)}" if again else ""
    done = f"{len(names)} of {len(names)} once and whole{by_itself}"
    return world.seen(("each prompt that arrives is told",), "idle"), done


def question(world):
    asked = world.project / "asked"
    world.api.command = f"touch {asked} # escalated"
    world.api.mode = "tool"
    world.verb("send", "a", "call the tool")
    world.until_state("attention")
    seen = world.seen(("a person is asked",), "permission")
    if asked.exists():
        raise Failed("the tool ran without a question")
    held = world.verb("send", "a", "--wait", "2", "not now", check=False).returncode
    world.api.mode = "answer"
    world.tmux("send-keys", "-t", "PANE", "Escape")
    world.until("end of the question", lambda: world.agent()["state"] in ("idle", "working"))
    if held not in (5, 8):
        raise Failed(f"a message behind the question exits with {held}")
    return seen, "shown as attention, message held back, not answered"


def resume(world):
    """Killed as the kernel does it, it goes on with its conversation: same id, and what was said is known."""
    world.until_state("idle")
    world.verb("send", "a", "the word to keep is KEEPSAKE")
    world.until("arrival", lambda: world.api.count("KEEPSAKE"))
    world.until_state("idle")
    before, pid, kickoffs = world.agent()["conversation"], world.pane_pid(), world.api.count("KICKOFF")
    if not before:
        raise Failed("its conversation is not known")
    # What opencode is told to go on with stands in a file.
    word = KICKOFFS[1] if world.name == "opencode" else RESUME
    resumed = world.api.count(word)
    os.kill(int(pid), 9)
    world.until("another start", lambda: world.pane_pid() not in ("", pid))
    world.until("resumed conversation", lambda: world.api.count(word) > resumed, limit_s=START_S_MAX)
    world.until_state("idle", limit_s=START_S_MAX)
    if "KEEPSAKE" not in world.api.history(word):
        raise Failed("it goes on, but in another conversation: what was said before is not in its request")
    if (after := world.agent()["conversation"]) != before:
        raise Failed(f"conversation {after} instead of {before}")
    if (world.api.count("KICKOFF"), world.api.count(word)) != (kickoffs, resumed + 1):
        raise Failed("started with the kickoff, or told twice to go on")
    return world.seen(RESTS, "idle"), "started again in the same conversation, told once to go on"


def adopt(world):
    """Another supervisor finds the program running, listens to its events and types into it."""
    world.until_state("idle")
    supervisor, pid = world.status()["supervisor_pid"], world.pane_pid()
    ends = select.poll()
    ends.register(pidfd := os.pidfd_open(supervisor), select.POLLIN)
    os.kill(supervisor, 9)
    if not ends.poll(10_000):
        raise Failed("the supervisor outlives its kill")
    os.close(pidfd)
    world.verb("up")
    world.until_state("idle")
    world.verb("send", "a", "the other supervisor says ADOPTED")
    world.until("arrival", lambda: world.api.count("ADOPTED"))
    world.until_state("idle")
    if world.status()["supervisor_pid"] == supervisor or world.pane_pid() != pid:
        raise Failed("the program was started anew")
    if (times := world.api.count("ADOPTED")) != 1:
        raise Failed(f"a message came {times} times")
    return world.seen(RESTS, "idle"), "adopted: same process, a message delivered once"


def limit(world):
    world.until_state("idle")
    before = limits_told(world)
    reset_at = int(time.time()) + 25
    if world.name in ("claude", "codex"):
        # Their banners name the minute.
        reset_at = (reset_at // 60 + 1) * 60
    world.api.reset_at, world.api.mode = reset_at, "limit"
    world.verb("send", "a", "--queue", "into the limit")
    state = world.until_state("limited", "waiting", "attention")
    seen = world.seen(("refused", "tries again"), "limited", "limit-menu", "continues-by-itself", "retrying")
    if state["state"] != "limited":
        raise Failed(f"shown as {state['state']} ({state['detail']})")
    if world.name == "gemini":
        # Its menu, keep trying or stop, is a person's to answer.
        world.until("reset", lambda: time.time() >= world.api.reset_at, limit_s=LIMIT_S_MAX)
        world.tmux("send-keys", "-t", "PANE", "Enter")
    world.until_state("idle", "working", limit_s=LIMIT_S_MAX)
    early_s = world.api.reset_at - time.time()
    if early_s > 1:
        raise Failed(f"went on {early_s:.0f} s before the reset")
    world.until_state("idle")
    follows(world, before)
    return seen, "held until the reset, its menu left to a person" if world.name == "gemini" else "held until the reset, goes on"


def limits_told(world):
    return {kind: len(world.events(f"limit-{kind}")) for kind in ("held", "probe", "lifted")}


def follows(world, before):
    """The account was held and opened once since then, by a probe or by the program's own work."""
    after = limits_told(world)
    if after["held"] == before["held"] or after["lifted"] == before["lifted"]:
        raise Failed(f"told of its limit: {before}, then {after}")
    if world.name in PROBED and after["probe"] == before["probe"]:
        raise Failed(f"it was not asked to go on: {before}, then {after}")


def begin(world, verb, **env):
    """Starts it by this verb and waits for the end of its first turn."""
    asked = len(world.api.prompts)
    world.verb(verb, "a", env=env)
    world.until("prompt", lambda: len(world.api.prompts) > asked, limit_s=START_S_MAX)
    world.until_state("idle", limit_s=START_S_MAX)


def fatal(world):
    world.until_state("idle")
    before, kickoffs = world.agent()["conversation"], world.kickoffs()
    world.api.mode = "fatal"
    world.verb("send", "a", "--queue", BREAKING)
    seen = ("", "", "")

    def started_anew():
        # What is told or read, whichever comes first, is acted upon at once.
        nonlocal seen
        seen = tuple(before or now for before, now in zip(seen, world.seen_now(("refused",), ("fatal",))))
        return world.kickoffs() > kickoffs

    world.until("fresh start", started_anew, limit_s=START_S_MAX)
    world.until_state("idle", limit_s=START_S_MAX)
    if before and world.agent()["conversation"] == before:
        raise Failed("it goes on with the broken conversation")
    return seen, "started anew, with the kickoff"


def transcript(world):
    # The program tells that its turn has ended before it has written it all down.
    def is_whole():
        said = world.verb("transcript", "a", "--all", "-n", "10000", check=False).stdout
        return "says   This is the stand-in's answer." in said and any(f"prompt {word}" in said for word in KICKOFFS)

    world.until("transcript with prompts and answers", is_whole, limit_s=TRANSCRIPT_S_MAX)
    return NOTHING, "the transcript has prompts and answers"


def stop_busy(world):
    """Ended in the midst of a tool call, which ends with it."""
    world.until_state("idle")
    world.api.command, world.api.mode = "sleep 300", "tool"
    world.verb("send", "a", "call the tool that sleeps")

    def runs():
        if world.name == "gemini" and world.agent()["state"] == "attention":
            # A list of allowed tools would leave out the questions about all others. It drops keys of the first moment.
            world.tmux("send-keys", "-t", "PANE", "Enter")
        return any("sleep 300" in line for line in world.processes())

    world.until("tool", runs)
    world.verb("down", "a")
    world.api.mode = "answer"
    left = lambda: [line for line in world.processes() if " supervise " not in line]
    world.until("end of all but the supervisor", lambda: not left(), limit_s=END_S_MAX)
    begin(world, "up")
    return NOTHING, "ended with the tool that it ran"


def stop(world):
    world.until_state("idle")
    world.verb("down")
    world.until("end of all processes", lambda: not world.processes(), limit_s=END_S_MAX)
    return NOTHING, stop_with_daemon(world) if world.name == "codex" else "nothing of it is left running"


def stop_with_daemon(world):
    """The same of a Codex with the daemon that would go on without it; as it is started else, it has none."""
    config = world.project / "agents.toml"
    config.write_text(config.read_text().replace("[backend.codex]\n", '[backend.codex]\nbin = "codex"\nevents = "none"\n'))
    world.verb("up")
    world.until("daemon", lambda: any("app-server" in line for line in world.processes()))
    world.until_state("idle")
    world.verb("down")
    world.until("end of all processes", lambda: not world.processes(), limit_s=END_S_MAX)
    return "nothing of it is left running, its daemon neither"
