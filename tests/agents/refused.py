"""What each program does when its service refuses it in the other ways, and what is done then."""
import time

from steps import LIMIT_S_MAX, begin, follows, limits_told
from world import Failed

# A person is told, and nothing is tried meanwhile: longer than between two probes here.
LEFT_ALONE_S = 12
# The last of what it asks for is refused by then.
SETTLE_S_MAX = 45
DAYS_S = 3 * 24 * 3600
# Its word for another model.
MODELS = {"claude": "claude-opus-4-5", "opencode": "own/other", "codex": "gpt-5-codex", "gemini": "gemini-2.5-pro"}


def of(name, step, only=None):
    step.__name__, step.only = name, only
    return step


def passing(kind, only=None):
    """A refusal that passes: nobody is held, no person is called, and the work goes on when it has passed."""
    def step(world):
        world.until_state("idle")
        held, refused, answered = limits_told(world)["held"], world.api.refused, world.api.answered
        world.api.mode = kind
        world.verb("send", "a", "--queue", f"into what passes: {kind}")
        world.until("refusal", lambda: world.api.refused > refused)
        seen = world.seen(("refused", "tries again"), "retrying", "refused", "context")
        if (state := world.agent())["state"] not in ("working", "idle"):
            raise Failed(f"shown as {state['state']} ({state['detail']})")
        world.api.mode = "answer"
        if kind == "size":
            # What is too large stays so.
            world.verb("send", "a", "--queue", "something smaller")
        world.until("answer", lambda: world.api.answered > answered)
        world.until_state("idle")
        if limits_told(world)["held"] != held:
            raise Failed("its account was held")
        return seen, "nobody is held, goes on when it has passed"
    return of(kind, step, only)


def lasting(kind, only=None, waits=False):
    """A refusal that a person must mend."""
    def step(world):
        world.until_state("idle")
        world.api.mode = kind
        world.verb("send", "a", "--queue", f"into what lasts: {kind}")
        state = world.until_state("attention")
        seen = world.seen(("refused",), "login")
        if not any(seen):
            # It has gone again, and what a person is shown of it has not.
            seen = ("", "", state["detail"])
        if waits:
            left_alone(world)
        told = len(world.events("attention"))
        world.api.mode = "answer"
        begin(world, "restart")
        if len(world.events("attention")) != told:
            raise Failed("what its conversation shows of before is told once more")
        return seen, "shown as attention, left alone"
    return of(kind, step, only)


def left_alone(world):
    """It is not tried again. What it asked for besides may be refused before what was sent, and is attention as well."""
    end = time.monotonic() + SETTLE_S_MAX
    while True:
        world.until_state("attention")
        refused = world.api.refused
        try:
            world.stays("attention", LEFT_ALONE_S)
            if world.api.refused == refused:
                return
            raise Failed("it is tried again without a person")
        except Failed:
            if time.monotonic() > end:
                raise


def dated(kind, only):
    """A limit whose reset is days ahead: its account is held until then, and opened when a person has it tried."""
    def step(world):
        world.until_state("idle")
        before = limits_told(world)
        world.api.reset_at, world.api.mode = int(time.time()) + DAYS_S, kind
        world.verb("send", "a", "--queue", f"into the limit: {kind}")
        world.until_state("limited")
        seen = world.seen(("refused",), "limited")
        day = time.strftime("%b %-d", time.localtime(world.api.reset_at))
        if day not in (held := world.events("limit-held")[-1]):
            raise Failed(f"not by its day, {day}: {held}")
        world.api.mode = "answer"
        world.verb("probe", "a")
        world.until_state("idle", limit_s=LIMIT_S_MAX)
        follows(world, before)
        return seen, "held until its day, opened by a probe"
    return of(kind, step, only)


def context(world):
    """Where the program does not make room by itself it is told to, as the config says."""
    world.until_state("idle")
    refused = world.api.refused
    world.api.mode = "context"
    world.verb("send", "a", "--queue", world.api.too_long)
    world.until("refusal", lambda: world.api.refused > refused)
    seen = world.seen(("refused",), "context")
    if world.name != "opencode":
        world.until("answer to the screen", lambda: any("is told `/comp" in text for text in world.events("screen-answered")))
    world.api.mode = "answer"
    world.until_state("idle")
    world.verb("send", "a", "--queue", "is there room BEHIND")
    world.until("arrival", lambda: world.api.count("BEHIND"))
    world.until_state("idle")
    return seen, "makes room by itself" if world.name == "opencode" else "told to make room"


def another_model(world):
    world.until_state("idle")
    asked = model_of_start(world, AGENT_MODEL_a=MODELS[world.name])
    if asked != MODELS[world.name].rpartition("/")[2]:
        raise Failed(f"it asks for {asked}")
    if model_of_start(world) == asked:
        raise Failed("a model for one start stays")
    return ("-", "-", "-"), "started with the model that was asked for, once"


def model_of_start(world, **env):
    begin(world, "restart", **env)
    if world.name == "opencode":
        # What it is typed first in a conversation that it had goes to the model that it had.
        world.verb("send", "a", "--queue", "by which MODEL")
        world.until("arrival", lambda: "by which MODEL" in world.api.prompts[-1])
        world.until_state("idle")
    return world.api.models[-1]


STEPS = [
    passing("rate"), passing("overload"), passing("error"), passing("drop"), passing("size"),
    lasting("login", waits=True), lasting("forbidden"), lasting("credit", ("claude", "codex", "gemini")), lasting("model"),
    passing("credit", ("opencode",)), dated("weekly", ("claude", "codex")), dated("model-limit", ("claude",)), context,
    another_model,
]
