"""Judges an evaluation: failed tests, agents.toml by the program itself, the rendered tree and the README's options."""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RENDERED = ROOT / "nixos/tests/rendered"
README = ROOT / "README.md"
ZONES = pathlib.Path(os.environ.get("TZDIR", "/usr/share/zoneinfo"))
SOURCES = "sources.sha256"
MAKE_ANEW = "`nixos/tests/check --write` writes it anew, with nixpkgs' lib"
BEGIN, END = "<!-- begin: options -->\n", "<!-- end: options -->\n"


def tests(results: dict) -> bool:
    for failed in results["failed"]:
        print(f"failed: {failed['name']}")
        print(f"  expected: {json.dumps(failed['expected'])}")
        print(f"  found:    {json.dumps(failed['result'])}")
    print(f"{results['count'] - len(results['failed'])} passed, {len(results['failed'])} failed")
    return not results["failed"]


def build(config: dict, program: pathlib.Path) -> tuple[int, str]:
    """Does what a build of a system does; returns its status and what it says."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = pathlib.Path(folder) / "source", pathlib.Path(folder) / "out"
        source.write_text(config["text"], encoding="utf-8")
        path = f"{program.resolve().parent}:{os.environ['PATH']}"
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", config["script"]],
            cwd=folder,
            env=os.environ | {"source": str(source), "out": str(out), "zones": str(ZONES), "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.returncode or int(not out.exists()), ended.stdout + ended.stderr


def accepted(results: dict, program: pathlib.Path) -> bool:
    """Builds every agents.toml as the module has it built: the program and systemd look at it."""
    if not program.exists():
        print(f"not checked: agents.toml, because there is no {program} (cargo build)")
        return True
    if not shutil.which("systemd-analyze"):
        print("not checked: agents.toml, because there is no systemd-analyze for its calendars")
        return True
    if not (ZONES / "Europe/Berlin").exists():
        print("not checked: agents.toml, because there are no time zones for its calendars (TZDIR)")
        return True
    good = True
    for name, config in results["configs"].items():
        status, said = build(config, program)
        if status:
            print(f"agents.toml of the fleet `{name}` is not accepted:\n{said}")
            good = False
    for name, config in results["refused"].items():
        status, said = build(config, program)
        if not status or config["said"] not in said:
            print(f"not refused with `{name}`: {said}")
            good = False
    if good:
        print(f"agents.toml: {len(results['configs'])} accepted, {len(results['refused'])} refused")
    return good


def scripts(results: dict) -> bool:
    """Compiles the scripts of the virtual machines as their tests have them."""
    for name, text in results["scripts"].items():
        compile(text, name, "exec")
    print(f"virtual machines: {len(results['scripts'])} scripts compile")
    return True


def there(folder: pathlib.Path) -> dict[str, str]:
    """The files of a rendered tree; links as the evaluation writes them."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = f"→ {path.readlink()}"
        elif path.is_file():
            found[str(path.relative_to(folder))] = path.read_text(encoding="utf-8")
    return found


def sources() -> str:
    """Stands for all that the rendered tree depends on."""
    patterns = [
        "nixos/*.nix",
        "nixos/assertions/*.nix",
        "nixos/options/*.nix",
        "nixos/tests/common/*.nix",
        "nixos/tests/eval/*.nix",
        "src/units/*.rules",
        "src/units/*.tmpfiles.conf",
    ]
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest() + "\n"


def write(folder: pathlib.Path, files: dict[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("→ "):
            path.symlink_to(text.removeprefix("→ "))
        else:
            path.write_text(text, encoding="utf-8")


def rendered(results: dict, anew: bool) -> bool:
    expected = {f"{tree}/{name}": text for tree, files in results["rendered"].items() for name, text in files.items()}
    expected[SOURCES] = sources()
    if anew:
        write(RENDERED, expected)
    found = there(RENDERED)
    different = sorted(name for name in found | expected if found.get(name) != expected.get(name))
    for name in different:
        print(f"nixos/tests/rendered/{name} is not what the module makes")
    if different:
        print(f"hint: {MAKE_ANEW}")
    else:
        print(f"rendered: {len(found)} files as the module makes them")
    return not different


def options(results: dict, anew: bool) -> bool:
    """Compares the README's table of options with the module."""
    rows = ["| option | value | default | meaning |", "| --- | --- | --- | --- |"]
    for option in results["options"]:
        cells = [f"`{option['name']}`", option["type"], option["default"], option["description"]]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    expected = "\n" + "\n".join(rows) + "\n\n"
    readme = README.read_text(encoding="utf-8")
    before, rest = readme.split(BEGIN)
    part, after = rest.split(END)
    if part == expected:
        print(f"options: {len(results['options'])} as the README tells them")
        return True
    if anew:
        README.write_text(before + BEGIN + expected + END + after, encoding="utf-8")
        return True
    print(f"the README's table of options is old\nhint: {MAKE_ANEW}")
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--tests", action="store_true", help="judge tests only")
    parser.add_argument("--not-evaluated", action="store_true", help="only compare the ages of rendered/ and its sources")
    parser.add_argument("results", type=pathlib.Path, nargs="?")
    parser.add_argument("program", type=pathlib.Path, nargs="?")
    arguments = parser.parse_args()
    if arguments.not_evaluated:
        if (RENDERED / SOURCES).read_text(encoding="utf-8") != sources():
            sys.exit("error: nixos/tests/rendered/ is older than what it is made from\nhint: " + MAKE_ANEW)
        print("rendered: as old as what it is made from")
        return
    results = json.loads(arguments.results.read_text(encoding="utf-8"))
    if arguments.tests:
        sys.exit(0 if tests(results) else 1)
    judged = [
        tests(results),
        accepted(results, arguments.program),
        scripts(results),
        rendered(results, arguments.write),
        options(results, arguments.write),
    ]
    sys.exit(0 if all(judged) else 1)


if __name__ == "__main__":
    main()
