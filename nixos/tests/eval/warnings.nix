# What is warned of: odd, and allowed.
{
  lib,
  evaluate,
  configure,
  withExample,
}:
{
  "test: what is readable by everybody is warned of" = {
    expr =
      (evaluate (withExample {
        agents.builder.environment.OPENAI_API_KEY = "x";
      })).warnings;
    expected = [
      "services.agentOrchestrator.agents.builder.environment.OPENAI_API_KEY: everybody on the host can read it. Put it into an environmentFile if it is a secret."
    ];
  };
  "test: what is odd and allowed is warned of" = {
    expr =
      (evaluate (withExample {
        backends.claude.env.ANTHROPIC_API_KEY = "x";
        agents.orchestrator.watch = "none";
        web.hostName = lib.mkForce null;
        web.firewallInterface = "tailscale0";
      })).warnings;
    expected = [
      "services.agentOrchestrator.backends.claude.env.ANTHROPIC_API_KEY: everybody on the host can read it. Put it into an environmentFile if it is a secret."
      "services.agentOrchestrator.web.firewallInterface: there is no virtual host to open a port for. Set `hostName`."
      "services.agentOrchestrator.agents.orchestrator: it has `watch = \"none\"` and a calendar; if it dies, nothing is left to be woken."
    ];
  };
  "test: an address that only the host reaches is warned of" = {
    expr =
      map
        (
          address:
          (evaluate (withExample {
            web.listenAddress = lib.mkForce address;
          })).warnings
        )
        [
          "127.0.0.1"
          "[::1]"
          "[fd7a::1]"
        ];
    expected = [
      [
        "services.agentOrchestrator.web.listenAddress: only the host itself reaches `127.0.0.1`. Set the address at which others do."
      ]
      [
        "services.agentOrchestrator.web.listenAddress: only the host itself reaches `[::1]`. Set the address at which others do."
      ]
      [ ]
    ];
  };
  "test: a program that nothing brings is warned of, of each agent that would start" = {
    expr =
      let
        inherit (import ./pkgs.nix { inherit lib; }) claude-code opencode;
        warnings =
          change:
          map (lib.removePrefix "services.agentOrchestrator.agents.")
            (evaluate (
              lib.mkMerge [
                {
                  enable = true;
                  projectDir = "/srv/proj";
                  agents.assistant = { };
                  agents.lead = {
                    prompt = "x";
                    enable = false;
                  };
                }
                change
              ]
            )).warnings;
      in
      map warnings [
        { }
        { backends.claude.flags = "--verbose"; }
        { agents.assistant.backend = "codex"; }
        {
          agents.assistant.backend = "mine";
          backends.mine.preset = "gemini";
        }
        {
          agents.assistant.backend = "mine";
          backends.mine.bin = "mine --go";
        }
        {
          agents.assistant.backend = "opencode";
          agents.assistant.packages = [ claude-code ];
        }
        { agents.assistant.packages = [ claude-code ]; }
        { packages = [ claude-code ]; }
        { backends.claude.package = claude-code; }
        {
          agents.assistant.backend = "opencode";
          backends.opencode.package = opencode;
        }
        { backends.claude.bin = "NODE_OPTIONS=--no-warnings /opt/claude"; }
      ];
    expected =
      let
        nothing =
          program: backend: package:
          "assistant: nothing brings `${program}`, the program of its backend `${backend}`. Set services.agentOrchestrator.backends.${backend}.package = ${package}, or the program's whole path as `bin`.";
      in
      [
        [ (nothing "claude" "claude" "pkgs.claude-code") ]
        [ (nothing "claude" "claude" "pkgs.claude-code") ]
        [ (nothing "codex" "codex" "pkgs.codex") ]
        [ (nothing "gemini" "mine" "pkgs.gemini-cli") ]
        [ (nothing "mine" "mine" "…") ]
        [ (nothing "opencode" "opencode" "pkgs.opencode") ]
        [ ]
        [ ]
        [ ]
        [ ]
        [ ]
      ];
  };
  "test: a password that others can read on the wire is warned of" = {
    expr =
      let
        isWarned =
          host: address:
          (configure [
            {
              services.agentOrchestrator = withExample { web.listenAddress = lib.mkForce address; };
              services.nginx.virtualHosts."oc.example.net" = host;
            }
          ]).warnings != [ ];
        addresses = [
          "10.0.0.1"
          "172.16.0.1"
          "172.32.0.1"
          "192.168.1.1"
          "100.64.0.1"
          "100.127.255.1"
          "100.128.0.1"
          "203.0.113.7"
          "0.0.0.0"
          "[fd7a::1]"
          "[fe80::1]"
          "[2001:db8::1]"
          "[::]"
        ];
      in
      map (host: builtins.filter (isWarned host) addresses) [
        { }
        { forceSSL = true; }
        { onlySSL = true; }
      ];
    expected = [
      [
        "172.32.0.1"
        "100.128.0.1"
        "203.0.113.7"
        "0.0.0.0"
        "[2001:db8::1]"
        "[::]"
      ]
      [ ]
      [ ]
    ];
  };
  "test: who is told and does not run is warned of, where others do" = {
    expr =
      map
        (
          disabled:
          (evaluate (withExample {
            agents = lib.genAttrs disabled (_: {
              enable = false;
            });
          })).warnings
        )
        [
          [ "adversary" ]
          [ "builder" ]
          [
            "adversary"
            "builder"
          ]
        ];
    expected = [
      [
        "services.agentOrchestrator.loop.handoff.claimPings: `adversary` is to be told, and is disabled. Enable it, or name another."
      ]
      [
        "services.agentOrchestrator.loop.handoff.reviewPings: `builder` is to be told, and is disabled. Enable it, or name another."
      ]
      [ ]
    ];
  };
  "test: an agent's user without a home is warned of" = {
    expr =
      map
        (
          user:
          (configure [
            {
              services.agentOrchestrator = withExample { agents.orchestrator.user = "critic"; };
              users.users.critic = {
                group = "users";
              }
              // user;
            }
          ]).warnings
        )
        [
          { isSystemUser = true; }
          {
            isSystemUser = true;
            home = "/var/lib/critic";
          }
        ];
    expected = [
      [
        "services.agentOrchestrator.agents.orchestrator.user: `critic` has no home, where its program would keep login and conversations. Set users.users.critic.home and createHome, or isNormalUser."
      ]
      [ ]
    ];
  };
  "test: operators who are nobody are warned of" = {
    expr =
      (evaluate (withExample {
        operators = [
          "carol"
          "alcie"
        ];
      })).warnings;
    expected = [
      "services.agentOrchestrator.operators: there is no user `alcie`, whom the group would have. Define users.users.alcie, or correct the name."
    ];
  };
  "test: nothing heals an agent with a calendar, by the default of all" = {
    expr =
      (evaluate (withExample {
        defaults.watch = "none";
      })).warnings;
    expected = [
      "services.agentOrchestrator.agents.orchestrator: it has `watch = \"none\"` and a calendar; if it dies, nothing is left to be woken."
    ];
  };
  "test: names of secrets" = {
    expr =
      let
        names = [
          "A_KEY"
          "GITHUB_PAT"
          "PAT"
          "DB_PASSWD"
          "SSH_PASSPHRASE"
          "GOOGLE_CREDENTIALS"
          "npm_token"
          "PATH"
          "COMPAT"
          "KEYMAP"
        ];
        inherit
          (evaluate (withExample {
            agents.builder.environment = lib.genAttrs names (_: "x");
          }))
          warnings
          ;
      in
      builtins.filter (
        name:
        !lib.any (lib.hasPrefix "services.agentOrchestrator.agents.builder.environment.${name}:") warnings
      ) names;
    expected = [
      "PATH"
      "COMPAT"
      "KEYMAP"
    ];
  };
  "test: what the supervisor reads in a home that it may not enter is warned of" = {
    expr =
      (configure [
        {
          services.agentOrchestrator = withExample {
            logDir = "/home/alice/logs";
            loop.rolesDir = "/home/alice/roles";
            loop.kickoffTemplate = "/home/alice/kickoff.md";
            agents.orchestrator = {
              promptFile = "/home/alice/orchestrator.md";
              wake.promptFile = /home/alice/wake.md;
            };
          };
          users.users.alice.home = "/home/alice";
        }
      ]).warnings;
    expected =
      let
        closed =
          option: path:
          "services.agentOrchestrator.${option}: `/home/alice/${path}` lies in the home of `alice`, which the supervisor may not enter. Set users.users.alice.homeMode = \"711\", or choose a place elsewhere.";
      in
      [
        (closed "logDir" "logs")
        (closed "loop.rolesDir" "roles")
        (closed "loop.kickoffTemplate" "kickoff.md")
        (closed "agents.orchestrator.promptFile" "orchestrator.md")
      ];
  };
  "test: a clone in a home that the supervisor may not enter is warned of" = {
    expr =
      let
        warnings =
          person:
          (configure [
            {
              services.agentOrchestrator = withExample { projectDir = lib.mkForce "/home/alice/proj"; };
              users.users.alice = {
                home = "/home/alice";
              }
              // person;
            }
          ]).warnings;
      in
      map warnings [
        { }
        { homeMode = "711"; }
        {
          homeMode = "0750";
          group = "agent-orchestrator";
        }
        { homeMode = "750"; }
        { home = "/home/al"; }
      ];
    expected =
      let
        warning = "services.agentOrchestrator.loop.handoff.repo: `/home/alice/proj/builder` lies in the home of `alice`, which the supervisor may not enter. Set users.users.alice.homeMode = \"711\", or choose a place elsewhere.";
      in
      [
        [ warning ]
        [ ]
        [ ]
        [ warning ]
        [ ]
      ];
  };
}
