# User, group, folders, and the one right that the supervisor needs of systemd.
{
  config,
  lib,
  options,
  ...
}:
let
  cfg = config.services.agentOrchestrator;
  inherit (options.services.agentOrchestrator) homeDir logDir stateDir;
  fleet = import ./fleet.nix { inherit lib cfg; };

  isMoved = cfg.stateDir != stateDir.default;
  # Where a folder lies before the state is mounted in its place.
  beforeMount =
    path:
    if isMoved && fleet.isBelow stateDir.default path then
      cfg.stateDir + lib.removePrefix stateDir.default path
    else
      path;

  # Only what is made gets these; what a person made stays as it is.
  made = mode: user: group: {
    d = {
      mode = ":${mode}";
      user = ":${user}";
      group = ":${group}";
    };
  };
  madeFor = mode: user: made mode user cfg.group;
  byFleet = mode: madeFor mode cfg.user;
  # What an agent with a user of its own makes there, the supervisor's git may read.
  ofSession =
    session:
    lib.nameValuePair (fleet.dirOf session) (
      if session.user == null then byFleet "0750" else madeFor "2750" session.user
    );
in
{
  config = lib.mkIf cfg.enable {
    users.users.${cfg.user} = lib.mkIf (cfg.user == fleet.user) {
      isSystemUser = true;
      description = "Fleet of coding agents";
      inherit (cfg) group;
      home = cfg.homeDir;
    };
    users.groups.${cfg.group}.members = cfg.operators;

    # The package's folders, and those that are named here.
    systemd.tmpfiles.rules =
      lib.filter
        (
          line:
          lib.hasPrefix "d /" line
          && !lib.hasPrefix "d /etc/" line
          && !(isMoved && lib.hasPrefix "d ${stateDir.default}" line)
        )
        (
          lib.splitString "\n" (
            fleet.renamed " ${fleet.user} ${fleet.group}" " ${cfg.user} ${cfg.group}" (
              builtins.readFile ../src/units/agent-orchestrator.tmpfiles.conf
            )
          )
        );
    systemd.tmpfiles.settings.agent-orchestrator =
      lib.mapAttrs' (path: lib.nameValuePair (fleet.literal (beforeMount path))) (
        # Below a home it is that person's to make.
        lib.filterAttrs (path: _: !fleet.isHome path) (
          lib.listToAttrs (map ofSession fleet.sessions)
          // {
            ${cfg.projectDir} = byFleet "0750";
          }
        )
        // lib.optionalAttrs (isMoved || cfg.homeDir != homeDir.default) {
          ${cfg.homeDir} = byFleet "0700";
        }
        // lib.optionalAttrs isMoved { ${cfg.stateDir} = byFleet "0750"; }
        // lib.optionalAttrs (cfg.logDir != logDir.default) { ${cfg.logDir} = byFleet "3770"; }
      )
      # Without what is to be mounted there it is nobody's.
      // lib.optionalAttrs isMoved { ${stateDir.default} = made "0700" "root" "root"; };

    # The package's rule: start, stop and restart of session units, for this user.
    security.polkit = {
      enable = true;
      extraConfig = fleet.renamed ''!== "${fleet.user}")'' ''!== "${cfg.user}")'' (
        builtins.readFile ../src/units/50-agent-orchestrator.rules
      );
    };
  };
}
