"""Drives the real agent programs under the real supervisor, against a stand-in for the models' services.

    suite.py PROGRAM [--deliveries N] [NAME]...

PROGRAM is agent-orchestrator; NAME claude, opencode, codex, gemini, or two of them with a `+`, builder and adversary of
a loop. Without a name: all, and the pairs. `--deliveries` sends so many of each text and nothing else.
"""
import argparse
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import clis
import loop
import refused
import steps
import table
from world import Failed, World, give_up

# All of it, but for deliveries by the dozen.
SUITE_S_MAX = 1800
PAIRS = ("claude+codex", "gemini+opencode")
STEPS = [
    steps.start, steps.working, steps.idle, steps.deliver_idle, steps.deliver_busy, steps.question, steps.resume, steps.adopt,
    steps.limit, *refused.STEPS, steps.fatal, steps.transcript, steps.stop_busy, steps.stop,
]
DELIVERING = [steps.start, steps.deliver_idle, steps.deliver_busy, steps.stop]


def say(text):
    print(text, flush=True)


def rows(program, name, deliveries, chosen):
    """The rows of one program: name, step, event, title, screen, action, and whether all is right."""
    try:
        world = World(program, {"a": name}, steps.config(name))
    except LookupError as error:
        say(f"{name}: not tried: {error}")
        return []
    world.deliveries = deliveries
    world.command("git", "init", "-q", world.project)
    found = []
    try:
        for step in chosen:
            if name not in (getattr(step, "only", None) or [name]):
                continue
            row = one_row(world, name, step)
            found.append(row)
            if step is steps.start and not row[-1]:
                break
    finally:
        world.end()
    return found


def one_row(world, name, step):
    began, is_right = time.monotonic(), True
    try:
        seen, action = step(world)
    except (Failed, OSError, subprocess.TimeoutExpired, StopIteration) as error:
        seen, action, is_right = steps.NOTHING, f"FAILED: {error!s:.300}", False
        try:
            print(f"{name} {step.__name__}\n{world.screen()}\n{world.verb('explain', 'a').stdout}", file=sys.stderr)
            print(world.verb("events", "-n", "40").stdout, file=sys.stderr)
        except Exception:
            traceback.print_exc()
    world.api.mode = "answer"
    say(f"{name} {step.__name__}: {action} ({time.monotonic() - began:.1f} s)")
    return name, step.__name__, *seen, action, is_right


def pair(program, names):
    """Whether a loop of these two could be tried, and whether it comes to its end."""
    began, is_tried, is_right = time.monotonic(), True, True
    try:
        done = loop.play(program, *names.split("+"))
    except LookupError as error:
        done, is_tried = f"not tried: {error}", False
    except (Failed, OSError, subprocess.TimeoutExpired) as error:
        done, is_right = f"FAILED: {error}", False
    say(f"loop {names}: {done} ({time.monotonic() - began:.1f} s)")
    return is_tried, is_right


def too_long(*_):
    say(f"FAILED: not through after {SUITE_S_MAX} s")
    give_up()


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("program", type=lambda path: str(Path(path).resolve()))
    parser.add_argument("--deliveries", type=int)
    parser.add_argument("names", nargs="*")
    given = parser.parse_intermixed_args()
    names = [name for name in given.names if "+" not in name] if given.names else list(clis.PINNED)
    pairs = [name for name in given.names if "+" in name] if given.names else list(PAIRS)
    chosen = DELIVERING if given.deliveries else STEPS
    signal.signal(signal.SIGTERM, give_up)
    signal.signal(signal.SIGINT, give_up)
    if not given.deliveries:
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(SUITE_S_MAX)
    results, ends = {}, {}

    def one(name):
        results[name] = rows(given.program, name, given.deliveries or steps.DELIVERIES, chosen)

    threads = {name: threading.Thread(target=one, args=[name]) for name in names}

    def both(name):
        # Not before its programs have gone through their states: two processors carry no more.
        for each in name.split("+"):
            if each in threads:
                threads[each].join()
        ends[name] = pair(given.program, name)

    last = [threading.Thread(target=both, args=[name]) for name in pairs if not given.deliveries]
    for thread in [*threads.values(), *last]:
        thread.start()
    for thread in [*threads.values(), *last]:
        thread.join()
    found = [row for name in names for row in results.get(name, [])]
    if not found and not any(is_tried for is_tried, _ in ends.values()):
        say("none of the programs could be tried")
        return 77
    good = all(row[-1] for row in found) and all(is_right for _, is_right in ends.values()) and len(results) == len(names)
    if found:
        text = table.summary(found, list(dict.fromkeys(step.__name__ for step in chosen)))
        say(f"\n{table.details(found)}\n\n{text}")
        if not given.names and not given.deliveries and all(results.values()):
            good = table.holds(text) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
