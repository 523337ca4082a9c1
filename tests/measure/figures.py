"""What processes cost, and how a figure is told."""
import json
import os
import statistics
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def stat_fields(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def parent(pid):
    return int(stat_fields(pid)[1])


def cpu_s(pid):
    """CPU time of a process with its reaped children, seconds; by the scheduler's count where the kernel keeps it."""
    fields = [int(field) for field in stat_fields(pid)[11:15]]
    try:
        exact_s = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError, ValueError):
        exact_s = 0.0
    counted_s = sum(fields[:2]) / TICKS_PER_S
    # Some kernels leave the scheduler's count at nothing.
    own_s = exact_s if exact_s >= counted_s / 2 and exact_s > 0 else counted_s
    return own_s + sum(fields[2:]) / TICKS_PER_S


def children_of(pid):
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and parent(int(entry.name)) == pid:
                found.append(int(entry.name))
        except (OSError, IndexError):
            pass
    return found


def rss_kib(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


# Figures


def spread(values):
    """Median, 90th percentile and worst, rounded to milliseconds."""
    ordered = sorted(values)
    ninety = ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
    return {
        "count": len(ordered),
        "median": round(statistics.median(ordered), 3),
        "p90": round(ninety, 3),
        "worst": round(ordered[-1], 3),
    }


class Report:
    """Prints one JSON line per figure, then a row of a markdown table; knows which bounds were missed."""

    def __init__(self, program, **settings):
        self.program, self.settings, self.cells, self.missed = program, settings, [], []

    def figure(self, what, value, unit, bound=None, **more):
        met = None if bound is None else value <= bound
        if met is False:
            self.missed.append(what)
        line = {"program": self.program.name, "what": what, "value": value, "unit": unit, "bound": bound, "met": met}
        print(json.dumps({**line, **more, **self.settings}), flush=True)
        self.cells.append((what, f"{value} {unit}".strip()))

    def end(self):
        """Prints the table and returns the exit status: 1 when a bound was missed by the program that has bounds."""
        print(f"\n| | {' | '.join(what for what, _ in self.cells)} |")
        print(f"|{' --- |' * (len(self.cells) + 1)}")
        print(f"| {self.program.name} | {' | '.join(cell for _, cell in self.cells)} |")
        return 1 if self.missed and self.program.has_bounds else 0
