#!/usr/bin/env python3
"""What a resting fleet costs: CPU of the supervisor, its control clients and the tmux servers, and memory."""
import time

import figures
import lab

CPU_MAX_S, RSS_MAX_MIB = 0.1, 15.0
SETTLE_S = 5


def spent_s(pids, before):
    """CPU since `before` of all that still run; one that has ended is in its parent's count."""
    now = cpu_by_pid(pids)
    return sum(now[pid] - before[pid] for pid in now)


def cpu_by_pid(pids):
    found = {}
    for pid in pids:
        try:
            found[pid] = figures.cpu_s(pid)
        except OSError:
            pass
    return found


def main():
    parser = lab.arguments(__doc__, agents=48)
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: %(default)s)")
    given, program = lab.parse(parser)
    fleet = given.agents + 2
    report = figures.Report(program, agents=fleet, signal_s=given.signal, heavy_s=given.heavy)
    with lab.make(program, given, workers=given.agents) as place:
        since = time.time()
        program.start(place)
        place.all_started(since)
        time.sleep(SETTLE_S)
        supervisor = program.supervisor_pid(place)
        groups = [[supervisor], figures.children_of(supervisor), list(place.servers().values())]
        before = [cpu_by_pid(pids) for pids in groups]
        began = time.monotonic()
        time.sleep(given.seconds)
        minutes = (time.monotonic() - began) / 60
        own, of_clients, of_servers = (round(spent_s(known, known) / minutes, 4) for known in before)
        ours, name = round(own + of_clients, 4), f"{fleet} agents at rest"
        more = {"supervisor": own, "clients": of_clients, "client_count": len(before[1]), "seconds": given.seconds}
        report.figure(f"CPU per minute of supervisor and clients, {name}", ours, "s", CPU_MAX_S, **more)
        report.figure(f"CPU per minute of the tmux servers, {name}", of_servers, "s", servers=len(before[2]))
        rss_mib = round(figures.rss_kib(supervisor) / 1024, 1)
        report.figure(f"memory of the supervisor, {name}", rss_mib, "MiB", RSS_MAX_MIB)
    return report.end()


if __name__ == "__main__":
    raise SystemExit(main())
