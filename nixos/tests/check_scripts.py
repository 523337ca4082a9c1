"""Compares the virtual machine tests with the scenarios; compiles their Python, has mypy and pyflakes look at it."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# What stands before a script in a test: NixOS's driver defines the first, the test the others.
HEAD = """from typing import Any
machine: Any
subtest: Any
start_all: Any
scenarios: list[str]
scripts: str
"""
LINTERS = {"mypy": ["--strict"], "pyflakes": []}

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What is no scenario of its own.
SHARED = {"lib", "module-begin"}
# Of what `agent-orchestrator units` writes, in whose place is the module on NixOS; and of programs that npm gives.
ELSEWHERE = {"13-apart", "14-programs"}


def machines() -> bool:
    """Every scenario has one virtual machine that runs it, and none runs what is not there; no Nix is needed to tell."""
    there = sorted({path.stem for path in (ROOT / "tests/systemd/scenarios").glob("*.sh")} - SHARED - ELSEWHERE)
    run = []
    for path in sorted((ROOT / "nixos/tests").glob("*.nix")):
        named = re.search(r"scenarios = \[([^\]]*)\]", path.read_text(encoding="utf-8"))
        if named is None:
            print(f"{path.relative_to(ROOT)} names no scenario")
            return False
        run += re.findall(r'"([^"]*)"', named[1])
    for name in sorted({*there, *run}):
        if (name in there, run.count(name)) != (True, 1):
            place = "there" if name in there else "not there"
            print(f"scenario {name}: it is {place}, and {run.count(name)} virtual machines run it")
    if sorted(run) != there:
        return False
    print(f"virtual machines: one for each of {len(there)} scenarios; not of NixOS: {', '.join(sorted(ELSEWHERE))}")
    return True


def main() -> None:
    if not machines():
        sys.exit(1)
    names = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        whole = []
        for name in names:
            text = HEAD + pathlib.Path(name).read_text(encoding="utf-8")
            compile(text, name, "exec")
            path = pathlib.Path(folder) / pathlib.Path(name).name
            path.write_text(text, encoding="utf-8")
            whole.append(str(path))
        print(f"{len(names)} test scripts compile")
        for linter, flags in LINTERS.items():
            if importlib.util.find_spec(linter) is None:
                print(f"not checked: {linter}, which is not installed")
                continue
            known = os.environ | {"PYFLAKES_BUILTINS": "machine,subtest,start_all,scenarios,scripts"}
            subprocess.run([sys.executable, "-m", linter, *flags, *whole], check=True, env=known)
            print(f"{linter}: good")


if __name__ == "__main__":
    main()
