"""Compiles the Python scripts of the virtual machine tests; has mypy and pyflakes look at them where they are."""

import importlib.util
import os
import pathlib
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


def main() -> None:
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
