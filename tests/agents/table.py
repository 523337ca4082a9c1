"""The table program × state: whether an event told it, whether title and screen showed it, and that what was done was right."""
import os
from pathlib import Path

import clis

README = Path(__file__).resolve().parent.parent.parent / "README.md"
BEGIN, END = "<!-- begin: agents -->\n", "<!-- end: agents -->"
WHAT_MAX = 110


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


def compare(text):
    """Tells where the README does not have this table; writes it there with `UPDATE_README`."""
    whole = README.read_text(encoding="utf-8")
    before, rest = whole.split(BEGIN, 1)
    stands, after = rest.split(END, 1)
    if os.environ.get("UPDATE_README"):
        README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
    elif stands.strip() != text.strip():
        print("the table in README.md is old: `UPDATE_README=1 tests/agents/run` rewrites it")
