# An agent: its entry in agents.toml and its session unit.
{
  lib,
  toml,
  promptsDir,
  shippedPrompt,
}:
{ name, config, ... }:
let
  inherit (lib) mkOption types;
  wake = types.submodule (import ./wake.nix { inherit lib promptsDir; });
in
{
  imports = [ (import ./unit.nix { inherit lib; }) ];

  options = {
    enable = lib.mkEnableOption "this agent; without it a running one is stopped" // {
      default = true;
    };

    kind = mkOption {
      type = types.enum [
        "persistent"
        "loop"
        "task"
      ];
      default = "persistent";
      description = "Whether it runs always, works the phases of a loop, or runs once when asked.";
    };

    role = mkOption {
      type = types.nullOr types.str;
      default = if config.kind == "loop" then name else null;
      defaultText = lib.literalMD "its name, of a loop agent";
      example = "builder";
      description = "Of a loop agent: names its prompt, `ROLE.md` in the loop's {option}`rolesDir`.";
    };

    loop = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "frontend";
      description = "The loop that a loop agent belongs to, where there are several.";
    };

    backend = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "codex";
      description = "Its agent program: a preset or one of {option}`backends`. Without it that of {option}`defaults`.";
    };

    model = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "opus";
      description = "Its model; a phase may name another. Without it the program's own default.";
    };

    account = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "team";
      description = "Whose usage limits it shares. Without it those of its backend.";
    };

    dir = mkOption {
      type = types.str;
      default = ".";
      example = "/srv/proj/builder";
      description = "Its working folder, usually a clone of its own; relative to {option}`projectDir`.";
    };

    session = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "shop-builder";
      description = "Name of its tmux session. Without it {option}`sessionPrefix` and its name.";
    };

    prompt = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "Tidy up the issues.";
      description = "What it is started with. Use {option}`promptFile` for more than a line.";
    };

    promptFile = mkOption {
      type = types.nullOr types.path;
      default = if config.kind == "loop" || config.prompt != null then null else shippedPrompt name;
      defaultText = lib.literalMD "the package's, of `orchestrator`, `assistant` and `upgrader`";
      example = lib.literalExpression "./orchestrator.md";
      description = "File with what it is started with, read at each start.";
    };

    resume = mkOption {
      type = types.nullOr types.bool;
      default = null;
      example = true;
      description = "Whether its conversation is resumed after a death or a reboot.";
    };

    resumePrompt = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "Go on where you stopped.";
      description = "What is said to a resumed conversation instead of the prompt.";
    };

    watch = mkOption {
      type = types.nullOr (
        types.enum [
          "none"
          "heal"
          "heal+stall"
        ]
      );
      default = if config.kind == "loop" then "heal+stall" else null;
      defaultText = lib.literalMD "`heal+stall`, of a loop agent";
      example = "heal";
      description = ''
        What is healed: nothing, its death, or also its silence. Without it that of {option}`defaults`.
      '';
    };

    control = mkOption {
      type = types.nullOr (
        types.enum [
          "none"
          "observe"
          "operate"
        ]
      );
      default = null;
      example = "operate";
      description = "What it may itself ask of the supervisor: nothing, to see, or also to send, wake, probe, run and restart.";
    };

    wake = mkOption {
      type = types.nullOr wake;
      default = null;
      example = {
        schedule = "hourly";
      };
      description = "What it is woken with when it is idle, and when.";
    };

    schedule = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "Sun 02:00 UTC";
      description = "Of a task: when a timer runs it ({manpage}`systemd.time(7)`). Missed runs are made up for once.";
    };

    cleanLog = mkOption {
      type = types.nullOr types.bool;
      default = null;
      example = true;
      description = "Whether its transcript is kept as `NAME.clean.log` below {option}`logDir`.";
    };

    settings = mkOption {
      inherit (toml) type;
      default = { };
      example = {
        some_key = true;
      };
      description = "Further keys of its entry in agents.toml, by the names that they have there; none that has an option of its own.";
    };
  };
}
