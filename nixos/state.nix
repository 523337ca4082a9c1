# The folder of the fleet's state where it is not the default one: it is mounted where the program looks for it.
{
  config,
  lib,
  options,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.services.agentOrchestrator;
  fleet = import ./fleet.nix { inherit lib cfg; };
  place = options.services.agentOrchestrator.stateDir.default;
  unit = "agent-orchestrator-state.service";

  asker = {
    requires = [ unit ];
    after = [ unit ];
  };
in
{
  config = lib.mkIf (cfg.enable && cfg.stateDir != place) {
    systemd.services = {
      # A service and no mount unit: NixOS restarts a mount that has changed, below those who use it.
      agent-orchestrator-state = {
        description = "State of the fleet of coding agents, in its place";
        after = [ "systemd-tmpfiles-setup.service" ];
        before = [
          "agent-orchestrator.service"
          "agent-orchestrator-web.service"
          "shutdown.target"
        ]
        ++ map (session: "agent-orchestrator-session@${session.name}.service") fleet.sessions;
        requiredBy = [
          "agent-orchestrator.service"
          "agent-orchestrator-web.service"
        ];
        conflicts = [ "shutdown.target" ];
        # What ends all agents unmounts it as well, after them.
        partOf = [ "agent-orchestrator.slice" ];
        restartIfChanged = false;
        unitConfig = {
          # The folder may come later than the units that every service waits for.
          DefaultDependencies = false;
          RequiresMountsFor = [ (fleet.word cfg.stateDir) ];
          # Nothing is put over a state that is in use: what runs goes on with the one that it began with.
          ConditionPathExistsGlob = "!/sys/fs/cgroup/agent.slice/agent-orchestrator.slice/*.service";
          RefuseManualStop = true;
          X-StopOnRemoval = false;
        };
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = utils.escapeSystemdExecArgs [
            (lib.getExe' pkgs.util-linux "mount")
            "--bind"
            cfg.stateDir
            place
          ];
          ExecStop = utils.escapeSystemdExecArgs [
            (lib.getExe' pkgs.util-linux "umount")
            # A person's shell may stand in it.
            "--lazy"
            place
          ];
        };
      };

      # Who asks while no supervisor runs leaves a file there.
      "agent-orchestrator-wake@" = asker;
      "agent-orchestrator-run@" = asker;
    };
  };
}
