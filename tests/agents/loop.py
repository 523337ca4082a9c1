"""Builder and adversary as two real programs: what they are told makes the stand-ins have them commit and push.

The origin is a real one. The builder's first claim of each phase is only half of what the plan asks for.
"""
import re
from pathlib import Path

import clis
from world import Failed, World

PHASES = ("p1", "p2")
START_S_MAX = 300
PHASE_S_MAX = 600
CONFIG = """
[defaults]
session_prefix = "s-"
log_dir = "logs"
watch = "heal"
[loop]
roles_dir = "roles"
phases = [
  {{ id = "p1", plan = "plans/p1.md", status = "STATUS-p1.md" }},
  {{ id = "p2", plan = "plans/p2.md", status = "STATUS-p2.md" }},
]
handoff = {{ repo = "builder", claim_pings = "adversary", review_pings = "builder" }}
[[agent]]
name = "builder"
kind = "loop"
role = "builder"
backend = "{builder}"
dir = "builder"
[[agent]]
name = "adversary"
kind = "loop"
role = "adversary"
backend = "{adversary}"
dir = "adversary"
{backends}"""
# Where the phase stands says what is to be done.
LOOK = """set -e
git pull -q --rebase
newest=$(git log -1 --format=%s --grep "^claim($1)" --grep "^review($1)" --grep "^status($1)")
"""
BUILD = LOOK + """case $newest in
'') echo half >"$1.txt" && git add "$1.txt" && git commit -qm "claim($1): it is written" && git push -q ;;
*FAIL*) echo whole >"$1.txt" && git commit -qam "claim($1): it is mended" && git push -q ;;
*PASS*) echo '## DONE' >>"STATUS-$1.md" && git add . && git commit -qm "status($1): done" && git push -q ;;
esac
"""
REVIEW = LOOK + """case $newest in
claim*)
    verdict=FAIL
    if grep -qx whole "$1.txt"; then verdict=PASS; fi
    echo "$verdict" >>"REVIEW-$1.md" && git add . && git commit -qm "review($1): $verdict" && git push -q ;;
esac
"""
COURSE = ("claim", "review FAIL", "claim", "review PASS", "status")


def part(told, work, begins):
    """What the stand-in has an agent do: run `work` when it is told of the other's, and when it is started if it begins.

    Nobody looks by himself what the other has done: every step is one that was told.
    """
    def script(prompt):
        # A long prompt is typed as a line that names its file.
        if pointed := re.search(r"are in the file `([^`]+)`", prompt):
            prompt = Path(pointed[1]).read_text(encoding="utf-8")
        begun = re.search(r"^- Phase: (\w+)$", prompt, re.M) if begins else None
        found = begun or re.search(rf"pushed a {told}: \w+ \w+\((\w+)\)", prompt)
        return found and f"sh {work} {found[1]}"
    return script


def lay_out(world):
    """An origin, a clone for each, plans and roles."""
    origin = world.root / "origin.git"
    world.command("git", "init", "-q", "--bare", "--initial-branch=main", origin)
    for name in world.agents:
        clone = world.project / name
        world.command("git", "clone", "-q", origin, clone)
        for key, value in (("user.name", name), ("user.email", f"{name}@tests.invalid")):
            world.command("git", "config", key, value, where=clone)
        clis.write(world.project / "roles" / f"{name}.md", f"You are the {name}.\n")
    builder = world.project / "builder"
    for phase in PHASES:
        clis.write(builder / "plans" / f"{phase}.md", f"{phase}.txt holds one line: whole\n")
    world.command("git", "add", ".", where=builder)
    world.command("git", "commit", "-qm", "plans", where=builder)
    world.command("git", "push", "-q", where=builder)
    world.command("git", "pull", "-q", where=world.project / "adversary")
    for name, told, work in (("builder", "review", BUILD), ("adversary", "claim", REVIEW)):
        # As a file, since Gemini refuses commands with `$(…)`.
        clis.write(world.project / "work" / name, work)
        world.apis[name].script = part(told, world.project / "work" / name, begins=name == "builder")
        world.apis[name].mode = "script"
    return origin


def history(world, origin):
    """The commits that hand over, oldest first: short id, phase and what it is."""
    lines = world.command("git", "log", "--reverse", "--format=%H %s", "main", where=origin).splitlines()
    found = [re.match(r"(\w{8})\w* (\w+)\((\w+)\)(?:: (PASS|FAIL))?", line) for line in lines]
    return [(each[1], each[3], " ".join(word for word in (each[2], each[4]) if word)) for each in found if each]


def work(world, origin):
    world.verb("up", limit_s=START_S_MAX)
    marker = world.project / "logs/SEQUENCE-COMPLETE"
    world.until("end of the sequence", marker.exists, limit_s=PHASE_S_MAX)
    done = history(world, origin)
    if [(phase, what) for _, phase, what in done] != [(phase, what) for phase in PHASES for what in COURSE]:
        raise Failed(f"the origin's history is {done}")
    for commit, phase, what in done:
        reader = {"claim": "adversary", "review": "builder"}.get(what.split()[0])
        if reader and (count := world.apis[reader].count(commit)) != 1:
            raise Failed(f"{reader} was told {count} times of {what} of {phase}")
    for name, api in world.apis.items():
        starts = api.count("- Phase: ") + api.count("are in the file `")
        if starts != len(PHASES):
            raise Failed(f"{name} was started with {starts} kickoffs")
    world.verb("down")
    world.until("end of all processes", lambda: not world.processes(), limit_s=10)
    return f"{len(PHASES)} phases, {len(done)} commits, each told once, then SEQUENCE-COMPLETE"


def play(program, builder, adversary):
    """Two phases to their end. Returns what was done."""
    agents = {"builder": builder, "adversary": adversary}
    backends = "".join(clis.UNATTENDED[name] for name in agents.values())
    world = World(program, agents, CONFIG.format(**agents, backends=backends), unattended=True)
    try:
        return work(world, lay_out(world))
    except Failed as failed:
        screens = "".join(f"\n-- {name}:\n{world.screen(name)}" for name in agents)
        events = world.verb("events", "-n", "60", check=False).stdout
        raise Failed(f"{failed}{screens}\n{events}") from failed
    finally:
        world.end()
