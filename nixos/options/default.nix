# Everything that can be said at services.agentOrchestrator.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.agentOrchestrator;
  externalPath = import ./external-path.nix { inherit lib; };
  toml = pkgs.formats.toml { };

  promptsDir = "${cfg.package}/share/agent-orchestrator/prompts";
  # Those of an agent that runs by itself; the others there are roles of a loop, its kickoff and the text of a wake.
  shippedPrompt =
    name:
    if
      builtins.elem name [
        "assistant"
        "orchestrator"
        "upgrader"
      ]
    then
      "${promptsDir}/${name}.md"
    else
      null;

  agent = types.submodule (
    import ./agent.nix {
      inherit
        lib
        toml
        promptsDir
        shippedPrompt
        ;
    }
  );
  loop = types.submodule (import ./loop.nix { inherit lib toml promptsDir; });
  backend = types.submodule (import ./backend.nix { inherit lib toml; });
  service = types.submodule (import ./service.nix { inherit lib; });
in
{
  options.services.agentOrchestrator = {
    enable = lib.mkEnableOption "a fleet of supervised coding agents";

    autoStart = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Whether the fleet starts with the host, and with the rebuild that brings it. Without it all is made, and
        `systemctl start agent-orchestrator` starts it.
      '';
    };

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ../package.nix { };
      defaultText = lib.literalMD "that of this module's repository, built with the host's nixpkgs";
      example = lib.literalExpression "inputs.agent-orchestrator.packages.x86_64-linux.default";
      description = "The program, its units and prompts.";
    };

    user = mkOption {
      type = types.strMatching "[a-z_][a-z0-9_-]{0,30}";
      default = "agent-orchestrator";
      description = ''
        User that the supervisor runs as, and every agent that has none of its own. It is made if it has its default name.
      '';
    };

    group = mkOption {
      type = types.strMatching "[a-z_][a-z0-9_-]{0,30}";
      default = "agent-orchestrator";
      description = "Group whose members may operate the fleet. It is made.";
    };

    stateDir = mkOption {
      type = externalPath;
      default = "/var/lib/agent-orchestrator";
      example = "/data/fleet";
      description = ''
        Folder of the fleet's state and, unless {option}`homeDir` says otherwise, its home. The program looks for it at the
        default place: another folder is mounted there before anything of the fleet starts.
      '';
    };

    homeDir = mkOption {
      type = externalPath;
      default = "/var/lib/agent-orchestrator/home";
      description = "Home of the agents: their programs' logins, settings and conversations lie there.";
    };

    operators = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "alice" ];
      description = "Users who become members of {option}`group`.";
    };

    projectDir = mkOption {
      type = externalPath;
      example = "/srv/proj";
      description = ''
        Where relative paths start. It is made if it is missing, and so are the agents' folders; below a home, or a folder of
        anybody but root and the fleet's user, they are that person's to make.
      '';
    };

    logDir = mkOption {
      type = externalPath;
      default = "/var/log/agent-orchestrator";
      description = "Folder of the session logs and of `SEQUENCE-COMPLETE`.";
    };

    sessionPrefix = mkOption {
      type = types.strMatching "[A-Za-z0-9_-]{1,63}";
      default = "agent-";
      example = "shop-";
      description = "Put before an agent's name to form its tmux session's name.";
    };

    defaults = mkOption {
      default = { };
      example = {
        backend = "codex";
      };
      description = ''
        What holds for all agents that say nothing else: besides the options below `account`, `clean_log`, `control`, `model`,
        `resume` and `resume_prompt`, which have the names that they have in agents.toml. All else is said of each agent.
      '';
      type = types.submodule {
        freeformType = toml.type;
        options = {
          backend = mkOption {
            type = types.str;
            default = "claude";
            example = "opencode";
            description = "Agent program: a preset or one of {option}`backends`.";
          };
          watch = mkOption {
            type = types.enum [
              "none"
              "heal"
              "heal+stall"
            ];
            default = "heal";
            example = "none";
            description = ''
              What is healed: nothing, an agent's death, or also its silence. One that rests is silent too, and would be
              started anew each time; loop agents are `heal+stall` unless they say otherwise themselves.
            '';
          };
        };
      };
    };

    agents = mkOption {
      type = types.attrsOf agent;
      default = { };
      example = lib.literalExpression ''
        {
          builder = { kind = "loop"; dir = "builder"; };
          orchestrator = { promptFile = ./orchestrator.md; wake.schedule = "hourly"; };
        }
      '';
      description = "The agents by name.";
    };

    services = mkOption {
      type = types.attrsOf service;
      default = { };
      example = {
        site.command = "npm run dev";
      };
      description = "Plain commands beside the agents, by name; each in a session of its own, its screen is not read.";
    };

    backends = mkOption {
      type = types.attrsOf backend;
      default = { };
      example = lib.literalExpression "{ claude.package = pkgs.claude-code; }";
      description = "Agent programs by name, and what is to be different from the presets `claude`, `codex`, `gemini` and `opencode`.";
    };

    loop = mkOption {
      type = types.nullOr loop;
      default = null;
      example = {
        phases = [
          {
            id = "1";
            plan = "plans/1.md";
            status = "STATUS-1.md";
          }
        ];
      };
      description = "The loop, if there is one; several have names and stand in {option}`loops`.";
    };

    loops = mkOption {
      type = types.attrsOf loop;
      default = { };
      example = {
        frontend.phases = [
          {
            id = "1";
            plan = "plans/1.md";
            status = "STATUS-1.md";
          }
        ];
      };
      description = "The loops by name, where there are several.";
    };

    watchdog = mkOption {
      type = types.attrsOf types.ints.unsigned;
      default = { };
      example = {
        stall_grace = 300;
        max_starting = 2;
      };
      description = "Cadences and bounds of the supervisor: the keys of `[watchdog]` in agents.toml.";
    };

    notify = {
      command = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = lib.literalExpression ''[ (lib.getExe pkgs.curl) "--data-binary" "@-" "https://ntfy.example.net/fleet" ]'';
        description = "Program and arguments, no shell text, that get each important event as JSON on standard input.";
      };

      environmentFile = mkOption {
        type = types.nullOr externalPath;
        default = null;
        example = "/run/secrets/notify.env";
        description = ''
          File of secret variables of the command, such as the token of a webhook, which a script (`pkgs.writeShellScript`)
          makes use of; they are the supervisor's as well. A file that is missing keeps the supervisor from starting.
        '';
      };
    };

    packages = mkOption {
      type = types.listOf types.package;
      default = with pkgs; [
        bashInteractive
        gawk
        git
        gnutar
        gzip
        openssh
        procps
        which
      ];
      defaultText = lib.literalExpression "with pkgs; [ bashInteractive gawk git gnutar gzip openssh procps which ]";
      example = lib.literalExpression "with pkgs; [ bashInteractive git openssh nix ]";
      description = "Packages on the `PATH` of all agents, besides this program, coreutils, findutils, grep, sed, systemd and tmux; a value takes the default's place.";
    };

    environmentFile = mkOption {
      type = types.nullOr externalPath;
      default = null;
      example = "/run/secrets/agents.env";
      description = ''
        File of secret variables (`NAME=value` lines) of the web part and of all agents and services, but for those with a
        user of their own ({option}`inheritEnvironmentFile`), read by systemd at each start. A file that is missing lets the
        start fail.
      '';
    };

    limits = import ./limits.nix {
      inherit lib;
      of = "the whole fleet together";
    };

    sessionServiceConfig = mkOption {
      type = types.attrsOf types.unspecified;
      default = { };
      example = {
        ProtectHome = "tmpfs";
      };
      description = ''
        Settings of all session units; those of an agent's own `serviceConfig` go before them, and lists of both are added to
        what the module says. Those of the other units are changed the usual way:
        `systemd.services.agent-orchestrator.serviceConfig`.
      '';
    };

    web = import ./web.nix { inherit lib pkgs; };

    settings = mkOption {
      inherit (toml) type;
      default = { };
      example = {
        watchdog.draft_alarm = 600;
      };
      description = ''
        What is laid over agents.toml at the end, by the names that keys have there. What has an option of its own is said
        there.
      '';
    };

    configFile = mkOption {
      type = types.path;
      readOnly = true;
      description = "agents.toml as the program has checked it.";
    };
  };
}
