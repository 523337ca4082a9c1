# What a person changes, and what is warned of.
{
  lib,
  evaluate,
  configure,
  withExample,
}:
let
  session = config: name: config.systemd.services."agent-orchestrator-session@${name}".serviceConfig;
in
{
  "test: a setting of a person goes before the module's" = {
    expr =
      (session (configure [
        {
          services.agentOrchestrator = (import ./fleets.nix).full;
          systemd.services."agent-orchestrator-session@builder".serviceConfig.MemoryMax = "1G";
        }
      ]) "builder").MemoryMax;
    expected = "1G";
  };
  "test: lists of a person are added to the module's, other settings go before them" = {
    expr =
      lib.getAttrs
        [
          "BindPaths"
          "EnvironmentFile"
          "LoadCredential"
          "MemoryMax"
          "PrivateTmp"
          "ProtectHome"
          "ReadWritePaths"
          "SupplementaryGroups"
        ]
        (
          session (configure [
            {
              services.agentOrchestrator = withExample {
                group = "fleet";
                sessionServiceConfig = {
                  ReadWritePaths = [ "/srv/all" ];
                  PrivateTmp = false;
                  ProtectHome = "read-only";
                };
                agents.builder = {
                  dir = lib.mkForce "/home/alice/clone";
                  credentials.key = "/run/key";
                  limits.memoryMax = "8G";
                  serviceConfig = {
                    BindPaths = [ "/home/alice/cache" ];
                    EnvironmentFile = "/run/more.env";
                    LoadCredential = [ "other:/run/other" ];
                    MemoryMax = "1G";
                    ProtectHome = false;
                    ReadWritePaths = [ "/srv/own" ];
                    SupplementaryGroups = [ "docker" ];
                  };
                };
              };
              systemd.services."agent-orchestrator-session@builder".serviceConfig.ReadWritePaths = [
                "/srv/last"
              ];
            }
          ]) "builder"
        );
    expected = {
      BindPaths = [
        "-/home/alice/clone"
        "/home/alice/cache"
      ];
      EnvironmentFile = [
        "/run/secrets/agents.env"
        "/run/more.env"
      ];
      LoadCredential = [
        "key:/run/key"
        "other:/run/other"
      ];
      MemoryMax = "1G";
      PrivateTmp = false;
      ProtectHome = false;
      ReadWritePaths = [
        "-/var/lib/agent-orchestrator/home"
        "-/var/log/agent-orchestrator"
        "/srv/all"
        "/srv/own"
        "/srv/last"
      ];
      SupplementaryGroups = [
        ""
        "fleet"
        "docker"
      ];
    };
  };
  "test: what is readable by everybody is warned of" = {
    expr =
      (evaluate (withExample {
        agents.builder.environment.OPENAI_API_KEY = "x";
      })).warnings;
    expected = [
      "services.agentOrchestrator.agents.builder.environment.OPENAI_API_KEY: everybody on the host can read it. Put it into an environmentFile if it is a secret."
    ];
  };
  "test: a password of nginx before that of the server is refused" = {
    expr =
      map
        (
          host:
          map (one: one.message) (
            builtins.filter (one: !one.assertion)
              (configure [
                {
                  services.agentOrchestrator = (import ./fleets.nix).example;
                  services.nginx.virtualHosts."oc.example.net" = host;
                }
              ]).assertions
          )
        )
        [
          { basicAuthFile = "/run/secrets/htpasswd"; }
          { basicAuth.me = "open"; }
          { forceSSL = true; }
        ];
    expected =
      let
        refusal = "services.nginx.virtualHosts.\"oc.example.net\": a password of nginx comes by the same header as that of the server behind it, so that nobody gets in. Remove `basicAuth` and `basicAuthFile`.";
      in
      [
        [ refusal ]
        [ refusal ]
        [ ]
      ];
  };
  "test: a web part whose home lies in a home sees that one" = {
    expr =
      let
        changed = evaluate (withExample {
          homeDir = "/home/fleet";
        });
      in
      {
        inherit (changed.systemd.services.agent-orchestrator-web.serviceConfig)
          ProtectHome
          BindPaths
          ReadWritePaths
          ;
      };
    expected = {
      ProtectHome = "tmpfs";
      BindPaths = [ "-/home/fleet" ];
      ReadWritePaths = [ "-/srv/proj" ];
    };
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
  "test: another user may do what the default one may" = {
    expr =
      lib.hasInfix ''subject.user !== "bob")''
        (evaluate (withExample {
          user = "bob";
        })).security.polkit.extraConfig;
    expected = true;
  };
  "test: switched off, nothing is set" = {
    expr =
      let
        off = evaluate { enable = false; };
      in
      {
        inherit (off.systemd) services packages;
        user = off.users.users ? agent-orchestrator;
        inherit (off.security.polkit) extraConfig;
        etc = off.environment.etc;
      };
    expected = {
      services = { };
      packages = [ ];
      user = false;
      extraConfig = "";
      etc = { };
    };
  };
  "test: of all homes an agent sees its own folder" = {
    expr =
      let
        changed = evaluate (withExample {
          agents.builder.dir = lib.mkForce "/home/alice/clone";
        });
      in
      {
        inherit (session changed "builder") ProtectHome BindPaths ReadWritePaths;
        made = changed.systemd.tmpfiles.settings.agent-orchestrator ? "/home/alice/clone";
      };
    expected = {
      ProtectHome = "tmpfs";
      BindPaths = [ "-/home/alice/clone" ];
      ReadWritePaths = [
        "-/var/lib/agent-orchestrator/home"
        "-/var/log/agent-orchestrator"
      ];
      made = false;
    };
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
  "test: any path is one word, and nothing in it is a specifier" = {
    expr = session (evaluate (withExample {
      agents.builder = {
        dir = lib.mkForce "/srv/a b/100%";
        environmentFile = "/run/50%.env";
        credentials.key = "/run/a \"key\"";
      };
    })) "builder";
    expected = {
      EnvironmentFile = [
        "/run/secrets/agents.env"
        "/run/50%%.env"
      ];
      LoadCredential = [ "\"key:/run/a \\\"key\\\"\"" ];
      ReadWritePaths = [
        "\"-/srv/a b/100%%\""
        "-/var/lib/agent-orchestrator/home"
        "-/var/log/agent-orchestrator"
      ];
    };
  };
  "test: an agent with a user of its own has that user's home" = {
    expr =
      let
        changed = configure [
          {
            services.agentOrchestrator = withExample { agents.orchestrator.user = "alice"; };
            users.users.alice = {
              home = "/home/alice";
              group = "users";
            };
          }
        ];
      in
      session changed "orchestrator"
      // {
        home = changed.systemd.services."agent-orchestrator-session@orchestrator".environment.HOME;
      };
    expected = {
      User = "alice";
      Group = "users";
      home = "/home/alice";
      ProtectHome = "tmpfs";
      BindPaths = [ "-/home/alice" ];
      EnvironmentFile = [ "/run/secrets/agents.env" ];
      ReadWritePaths = [
        "-/srv/proj"
        "-/var/log/agent-orchestrator"
      ];
    };
  };
}
