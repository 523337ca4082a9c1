#!/usr/bin/env python3
"""How many processes are forked while a fleet rests: strace on the supervisor, its control clients and tmux servers."""
import collections
import re
import time
from pathlib import Path

import figures
import lab

FORKS_MAX = 0
SETTLE_S = 5
CALL = re.compile(r"^(?P<pid>\d+) +(?P<call>fork|vfork|clone|clone3|execve)\((?P<rest>.*)")
PROGRAM = re.compile(r'"(?P<path>[^"]*)", \[(?P<words>[^\]]*)')


def watched(place):
    supervisor = place.program.supervisor_pid(place)
    return [supervisor, *figures.children_of(supervisor), *place.servers().values()]


def trace(place, pids, seconds):
    """Returns the lines that strace wrote in `seconds`."""
    output = place.root / "strace.out"
    attach = [word for pid in pids for word in ("-p", str(pid))]
    calls = "trace=fork,vfork,clone,clone3,execve"
    tracer = place.spawn(["strace", "-f", "-qq", "-e", calls, "-e", "signal=none", "-o", str(output), *attach])
    try:
        for pid in pids:
            watching = lambda pid=pid: tracer.poll() is not None or is_traced(pid, tracer.pid)
            place.wait(f"strace at process {pid}", watching)
        time.sleep(seconds)
        if tracer.poll() is not None:
            raise RuntimeError(f"strace ended early, see {place.root}/supervisor.out")
    finally:
        # Not interrupted: strace then waits for ever for a process that waits for its vfork's child.
        tracer.kill()
        tracer.wait()
    return output.read_text(errors="replace").splitlines()


def is_traced(pid, tracer):
    """A process that has ended meanwhile counts as traced: there is nothing to wait for."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return True
    return f"TracerPid:\t{tracer}" in lines


def count(lines):
    """Returns the number of new processes (threads are none) and what was executed, by name."""
    forks, programs = 0, collections.Counter()
    for line in lines:
        found = CALL.match(line)
        if not found:
            continue
        if found["call"] != "execve":
            forks += "CLONE_THREAD" not in found["rest"]
        elif (program := PROGRAM.search(found["rest"])) and "ENOENT" not in found["rest"]:
            words = re.findall(r'"([^"]*)"', program["words"])
            programs[" ".join([program["path"].rsplit("/", 1)[-1], *words[1:3]])] += 1
    return forks, programs


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
        pids = watched(place)
        forks, programs = count(trace(place, pids, given.seconds))
        per_minute = round(forks * 60 / given.seconds, 1)
        more = {"traced": len(pids), "executed": dict(programs.most_common(20)), "seconds": given.seconds}
        report.figure(f"processes forked per minute, {fleet} agents at rest", per_minute, "", FORKS_MAX, **more)
    return report.end()


if __name__ == "__main__":
    raise SystemExit(main())
