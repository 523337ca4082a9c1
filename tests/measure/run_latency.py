#!/usr/bin/env python3
"""How soon the supervisor reacts: a pushed claim, a death, a phase that is done."""
import os
import random
import signal
import time

import figures
import lab

CLAIM_MAX_S, DEATH_MAX_S, DONE_MAX_S = 0.2, 1.0, 1.0
SETTLE_S = 1.5
IN_PROGRESS, DONE = "# Status\n\nIn progress.\n", "# Status\n\n## DONE\n"


def timeout_s(place):
    """The predecessor polls: its worst case is a whole interval, and some seconds."""
    return 30 + 1.2 * max(place.signal_s, place.heavy_s)


def random_moment(place):
    """Lets the trials fall on all moments of the predecessor's intervals."""
    polled_s = place.heavy_s if isinstance(place.program, lab.Predecessor) else 0
    time.sleep(SETTLE_S + random.uniform(0, polled_s))


def claims(place, trials):
    from_start, from_return = [], []
    for number in range(trials):
        random_moment(place)
        began, back = place.push(f"claim(p1): gate {number}")
        arrived = place.wait_event("adversary", "text", began, timeout_s=timeout_s(place))["t"]
        place.wait_event("adversary", "submit", began)
        from_start.append(arrived - began)
        from_return.append(arrived - back)
    return from_start, from_return


def deaths(place):
    """Every agent dies once: a second death within ten minutes would wait for its back-off."""
    found = []
    for name in place.workers:
        random_moment(place)
        pid = place.events(name, "start")[-1]["pid"]
        killed = time.time()
        os.kill(pid, signal.SIGKILL)
        found.append(place.wait_event(name, "start", killed, timeout_s=timeout_s(place))["t"] - killed)
    return found


def phases(place, trials):
    statuses = [f"machine-docs/STATUS-{number}.md" for number in (1, 2)]
    found = []
    for number in range(trials):
        place.push(f"status: back to work {number}", files=dict.fromkeys(statuses, IN_PROGRESS))
        time.sleep(SETTLE_S)
        place.program.first_phase(place)
        random_moment(place)
        began, _ = place.push(f"status: p1 is done {number}", files={statuses[0]: DONE})
        found.append(place.both_started("p2", began, timeout_s=timeout_s(place)) - began)
    return found


def main():
    parser = lab.arguments(__doc__, agents=10)
    parser.add_argument("--trials", type=int, default=10, help="claims and phases (default: %(default)s)")
    parser.add_argument("--only", default="claim,death,done", help="comma-separated (default: %(default)s)")
    given, program = lab.parse(parser)
    random.seed(7)
    report = figures.Report(program, agents=given.agents + 2, signal_s=given.signal, heavy_s=given.heavy)

    def median(what, values, bound=None):
        spread = figures.spread(values)
        report.figure(what, spread.pop("median"), "s", bound, **spread)

    with lab.make(program, given, workers=given.agents) as place:
        since = time.time()
        program.start(place)
        place.all_started(since)
        time.sleep(SETTLE_S)
        if "claim" in given.only:
            from_start, from_return = claims(place, given.trials)
            median("`git push` begins → text in the reader's pane", from_start, CLAIM_MAX_S)
            median("`git push` is back → text in the reader's pane", from_return)
        if "death" in given.only:
            median("death → restarted", deaths(place), DEATH_MAX_S)
        if "done" in given.only:
            median("`## DONE` pushed → both next sessions run", phases(place, given.trials), DONE_MAX_S)
    return report.end()


if __name__ == "__main__":
    raise SystemExit(main())
