"""The table program × state: whether an event told it, whether title and screen showed it, and that what was done was right."""
import os
from collections import Counter
from pathlib import Path

import clis

README = Path(__file__).resolve().parent.parent.parent / "README.md"
BEGIN, END = "<!-- begin: agents -->\n", "<!-- end: agents -->"
WHAT_MAX = 110
# Of one program and one source.
UNSEEN_MAX = 4


def details(rows):
    """All that was seen, a line for each program and state."""
    head = ("program", "state", "its events told", "its title showed", "its screen showed", "what was done")
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for name, step, *seen, action, _ in rows:
        cells = [str(cell or "no").replace("|", "\\|").replace("\n", " ")[:WHAT_MAX] for cell in (*seen, action)]
        lines.append(f"| {name} {clis.PINNED[name]['version']} | {spoken(step)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spoken(step):
    return step.replace("_", ", ")


def cell(row):
    """By what it was seen; in bold what went wrong."""
    *_, is_right = row
    seen = row[2:5]
    if not is_right:
        return "**wrong**"
    if seen[0] == "-":
        return "right"
    return ", ".join(word for word, said in zip(("told", "title", "read"), seen) if said) or "by nothing"


def summary(rows, steps):
    names = [name for name in clis.PINNED if any(row[0] == name for row in rows)]
    found = {(row[0], row[1]): cell(row) for row in rows}
    head = [f"{name} {clis.PINNED[name]['version']}" for name in names]
    lines = [f"| state | {' | '.join(head)} |", f"| --- |{' --- |' * len(names)}"]
    for step in steps:
        lines.append(f"| {spoken(step)} | {' | '.join(found.get((name, step), '-') for name in names)} |")
    return "\n".join(lines) + "\n"


def cells(text):
    """What each program and state is known by."""
    lines = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if line.startswith("|")]
    (_, *names), rows = lines[0], lines[2:]
    return {(name, row[0]): set(cell.split(", ")) for row in rows for name, cell in zip(names, row[1:])}


def holds(text):
    """Whether it is as the README says; writes this table there with `UPDATE_README`.

    What is not seen in time in a few states of a program is the host's load, and what was done in them was right.
    """
    whole = README.read_text(encoding="utf-8")
    before, rest = whole.split(BEGIN, 1)
    stands, after = rest.split(END, 1)
    if os.environ.get("UPDATE_README"):
        README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
        return True
    found, lacks = cells(text), Counter()
    for place, promised in cells(stands).items():
        # A title is there for a moment only.
        promised = promised - {"title", "by nothing"}
        if missing := promised - found.get(place, set()):
            print(f"{', '.join(place)}: not {', '.join(sorted(missing))}, as README.md says (`UPDATE_README=1 tests/agents/run` rewrites it)")
            lacks.update((place[0], word) for word in missing)
    return all(count <= UNSEEN_MAX for count in lacks.values())
