#!/usr/bin/env python3
"""Many at once: `up` of a whole fleet, and the loss of every tmux server."""
import os
import signal
import time

import figures
import lab

UP_MAX_S = 1.5
SETTLE_S = 5


def trial(program, given):
    """Returns how long `up` took and until all ran, then how long until all ran again: seconds."""
    with lab.make(program, given, workers=given.agents, loop=False) as place:
        began = time.time()
        program.up(place)
        back = time.time()
        running = place.all_started(began)
        program.watch(place)
        time.sleep(SETTLE_S)
        servers = place.servers()
        lost = time.time()
        for pid in servers.values():
            os.kill(pid, signal.SIGKILL)
        again = place.all_started(lost, timeout_s=60 + 1.2 * given.heavy)
        return back - began, max(back, running) - began, again - lost


def main():
    parser = lab.arguments(__doc__, agents=50)
    parser.add_argument("--trials", type=int, default=3, help="fleets (default: %(default)s)")
    given, program = lab.parse(parser)
    report = figures.Report(program, agents=given.agents, signal_s=given.signal, heavy_s=given.heavy)
    # A fleet each: a second loss within ten minutes would wait for the back-off.
    back, running, again = zip(*(trial(program, given) for _ in range(given.trials)))
    up = f"`up` of {given.agents}"
    names = f"{up} is back", f"{up} → all run", "all tmux servers lost → all run"
    for name, values, bound in zip(names, (back, running, again), (UP_MAX_S, UP_MAX_S, None)):
        spread = figures.spread(values)
        report.figure(name, spread.pop("median"), "s", bound, **spread)
    return report.end()


if __name__ == "__main__":
    raise SystemExit(main())
