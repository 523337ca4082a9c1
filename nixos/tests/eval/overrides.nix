# What a person changes, and what is refused of other options than the module's own.
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
  "test: nothing starts a fleet that is not to start by itself" = {
    expr =
      let
        wanting = config: map (kind: lib.mapAttrs (_: unit: unit.wantedBy) config.systemd.${kind});
        found =
          change:
          lib.filterAttrs (_: lib.elem "multi-user.target") (
            lib.mergeAttrsList (
              wanting (evaluate (withExample change)) [
                "services"
                "targets"
                "timers"
              ]
            )
          );
      in
      map found [
        { }
        { autoStart = false; }
      ];
    expected = [
      { agent-orchestrator = [ "multi-user.target" ]; }
      { }
    ];
  };
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
  "test: an agent has the fleet's secrets unless it has a user of its own, or says so" = {
    expr =
      map
        (
          agent:
          (session (configure [
            {
              services.agentOrchestrator = withExample { agents.orchestrator = agent; };
              users.users.alice.group = "users";
            }
          ]) "orchestrator").EnvironmentFile or [ ]
        )
        [
          { environmentFile = "/run/secrets/own.env"; }
          { inheritEnvironmentFile = false; }
          {
            user = "alice";
            environmentFile = "/run/secrets/own.env";
          }
          {
            user = "alice";
            inheritEnvironmentFile = true;
          }
        ];
    expected = [
      [
        "/run/secrets/agents.env"
        "/run/secrets/own.env"
      ]
      [ ]
      [ "/run/secrets/own.env" ]
      [ "/run/secrets/agents.env" ]
    ];
  };
  "test: an agent with a user of its own has that user's home and not the fleet's secrets" = {
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
      ReadWritePaths = [
        "-/srv/proj/orchestrator"
        "-/var/log/agent-orchestrator"
      ];
    };
  };
}
