# One drop-in per agent and service for the package's template: what its session may and gets.
{ config, lib, ... }:
let
  cfg = config.services.agentOrchestrator;
  fleet = import ./fleet.nix { inherit lib cfg; };

  # The package's template is extended, never copied: NixOS would take a name with an instance for a unit of its own.
  dropIn =
    service:
    {
      overrideStrategy = "asDropin";
      # An agent is ended by its supervisor or by a person, never by a rebuild.
      restartIfChanged = false;
      unitConfig.X-StopOnRemoval = false;
    }
    // service;

  programs =
    agent: lib.remove null [ (cfg.backends.${fleet.backendOf agent} or { package = null; }).package ];

  homeOf =
    session: if session.user == null then cfg.homeDir else config.users.users.${session.user}.home;

  # Its folders; the others stay as the package has them.
  folders =
    session:
    fleet.writable (
      [
        (fleet.dirOf session)
        (homeOf session)
        cfg.logDir
      ]
      ++ session.readWritePaths
    );

  # Of settings that are lists all are joined, the module's first; of any other the last one counts.
  joined = lib.zipAttrsWith (
    _: values:
    if lib.any lib.isList values then
      lib.mkBefore (lib.concatMap lib.toList values)
    else
      lib.last values
  );

  generated =
    session:
    fleet.identity
    // lib.optionalAttrs (session.user != null) {
      User = lib.mkDefault session.user;
      Group = lib.mkDefault config.users.users.${session.user}.group;
    }
    // folders session
    // fleet.environmentFiles [
      (if session.inheritEnvironmentFile then cfg.environmentFile else null)
      session.environmentFile
    ]
    // lib.optionalAttrs (session.credentials != { }) {
      LoadCredential = lib.mapAttrsToList (name: path: fleet.word "${name}:${path}") session.credentials;
    }
    // fleet.limitsConfig session.limits;

  unit =
    session:
    lib.nameValuePair "agent-orchestrator-session@${session.name}" (dropIn {
      # The program itself as well: agents ask the supervisor with it.
      path =
        session.packages
        ++ (if session ? backend then programs session else [ ])
        ++ [ cfg.package ]
        ++ cfg.packages;
      environment = {
        HOME = fleet.literal (homeOf session);
      }
      // lib.mapAttrs (_: fleet.literal) session.environment;
      serviceConfig = joined [
        (generated session)
        cfg.sessionServiceConfig
        session.serviceConfig
      ];
    });
in
{
  config = lib.mkIf cfg.enable {
    systemd.services = lib.listToAttrs (map unit fleet.sessions) // {
      # Of an agent that is no longer configured. For the others its own drop-in stands in place of this one: both have
      # the same file name, and systemd reads only the one of the instance.
      "agent-orchestrator-session@" = dropIn { serviceConfig = fleet.identity; };
    };
  };
}
