# The supervisor's unit, the fleet's target and its slice: what the package's files leave open.
{
  config,
  lib,
  options,
  ...
}:
let
  cfg = config.services.agentOrchestrator;
  fleet = import ./fleet.nix { inherit lib cfg; };
in
{
  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];

    systemd = {
      packages = [ cfg.package ];

      targets.agent-orchestrator.wantedBy = lib.optional cfg.autoStart "multi-user.target";

      slices.agent-orchestrator.sliceConfig = fleet.limitsConfig cfg.limits;

      services.agent-orchestrator = {
        wantedBy = [ "agent-orchestrator.target" ];
        # A changed fleet is read by the one that runs; only a new program or unit restarts it. It adopts its agents.
        reloadTriggers = [ cfg.configFile ];
        # One step: the time without a supervisor is that of its start.
        stopIfChanged = false;
        serviceConfig =
          fleet.identity
          // fleet.environmentFiles [ cfg.notify.environmentFile ]
          // lib.optionalAttrs (cfg.logDir != options.services.agentOrchestrator.logDir.default) {
            ReadWritePaths = [ (fleet.word "-${cfg.logDir}") ];
          };
      };
    };
  };
}
