"""The agent programs: how each is installed, and what makes it start unattended against the stand-in.

    clis.py [NAME]...    installs these, all without a name; tells in a line of each that cannot be had
"""
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

PINNED = json.loads((Path(__file__).parent / "clis.json").read_text())
INSTALL_S_MAX = 300


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "agent-orchestrator" / "clis"


def place(name):
    """The folder of this version and the program's command in it."""
    folder = cache() / f"{name}-{PINNED[name]['version']}"
    return folder, folder / "node_modules" / ".bin" / name


def installed(name):
    """The folder of the program's command."""
    _, command = place(name)
    if not command.exists():
        raise LookupError("it is not installed")
    return command.parent


def install(name):
    """Fetches the program from npm once; says so where that cannot be."""
    wanted = f"{PINNED[name]['package']}@{PINNED[name]['version']}"
    folder, command = place(name)
    if command.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    npm = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error", wanted]
    try:
        done = subprocess.run(npm, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False,
                              stdin=subprocess.DEVNULL)
        said = done.stderr.strip().splitlines()
    except (OSError, subprocess.TimeoutExpired) as error:
        said = [str(error)]
    if not command.exists():
        print(f"{wanted} cannot be had from npm: {said[-1] if said else 'no reason given'}", flush=True)


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def claude(home, address, unattended):
    write(home / ".claude/settings.json", {} if unattended else {"permissions": {"allow": ["Bash(sleep:*)"]}})
    return {"ANTHROPIC_BASE_URL": address, "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-made-up",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
            # Root may leave out all questions only where this says that it is confined.
            **({"IS_SANDBOX": "1"} if unattended else {})}


def opencode(home, address, unattended):
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "Stand-in", "models": {"stand-in": {"name": "Stand-in"}, "other": {"name": "Other"}},
                "options": {"baseURL": f"{address}/v1", "apiKey": "made-up"}}
    write(home / ".config/opencode/opencode.json", {
        "autoupdate": False, "share": "disabled", "snapshot": False, "lsp": False, "formatter": False, "model": "own/stand-in", "small_model": "own/stand-in",
        "provider": {"own": provider}, "permission": {"bash": "allow" if unattended else {"*": "ask", "sleep *": "allow"}}})
    return {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}


def codex(home, address, unattended):
    approval, sandbox = ("never", "danger-full-access") if unattended else ("on-request", "read-only")
    write(home / ".codex/config.toml", f"""
model = "gpt-5"
model_provider = "own"
approval_policy = "{approval}"
sandbox_mode = "{sandbox}"
check_for_update_on_startup = false
[model_providers.own]
name = "own"
base_url = "{address}/v1"
env_key = "MADE_UP_KEY"
wire_api = "responses"
""")
    return {"MADE_UP_KEY": "made-up"}


def gemini(home, address, unattended):
    write(home / ".gemini/settings.json", {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"disableAutoUpdate": True}, "privacy": {"usageStatisticsEnabled": False}})
    return {"GEMINI_API_KEY": "made-up", "GOOGLE_GEMINI_BASE_URL": address}


def add_gemini_hooks(home):
    """What README.md asks a person for who is not root."""
    path = home / ".gemini/settings.json"
    command = "agent-orchestrator hook --from gemini >/dev/null 2>&1 || :"
    entry = [{"hooks": [{"type": "command", "command": command, "timeout": 5000}]}]
    events = ("SessionStart", "BeforeAgent", "AfterTool", "AfterAgent", "Notification", "PreCompress", "SessionEnd")
    write(path, {**json.loads(path.read_text()), "hooks": {event: entry for event in events}})


# What a config adds so that a program asks for no leave.
UNATTENDED = {
    "claude": '[backend.claude]\nflags = "--dangerously-skip-permissions"\n',
    "opencode": "",
    "codex": "",
    "gemini": '[backend.gemini]\nflags = "--approval-mode yolo -i"\n',
}
PREPARE = {"claude": claude, "opencode": opencode, "codex": codex, "gemini": gemini}


def main():
    names = [name for word in sys.argv[1:] for name in word.split("+") if name in PINNED] or list(PINNED)
    threads = [threading.Thread(target=install, args=[name]) for name in dict.fromkeys(names)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
