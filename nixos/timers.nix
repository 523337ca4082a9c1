# Timers of the agents with a calendar: they ask the supervisor, which decides.
{ config, lib, ... }:
let
  cfg = config.services.agentOrchestrator;
  fleet = import ./fleet.nix { inherit lib cfg; };

  calendars = lib.concatMap (
    agent:
    lib.optional (agent.wake.schedule or null != null) {
      name = "agent-orchestrator-wake@${agent.name}";
      calendar = agent.wake.schedule;
      description = "Calendar that wakes coding agent ${agent.name}";
    }
    ++ lib.optional (agent.schedule != null) {
      name = "agent-orchestrator-run@${agent.name}";
      calendar = agent.schedule;
      description = "Calendar that runs task ${agent.name} of the fleet";
    }
  ) fleet.enabledAgents;

  asker = {
    overrideStrategy = "asDropin";
    # One that is just asking is not cut off.
    restartIfChanged = false;
    serviceConfig = fleet.identity;
  };
in
{
  config = lib.mkIf cfg.enable {
    # Units of their own, not drop-ins of the package's templates: a template whose instance has lost its drop-in is
    # still there, so that a rebuild would restart a timer without a time instead of stopping it.
    systemd.timers = lib.listToAttrs (
      map (
        {
          name,
          calendar,
          description,
        }:
        lib.nameValuePair name {
          inherit description;
          wantedBy = [ "agent-orchestrator.target" ];
          partOf = [ "agent-orchestrator.target" ];
          timerConfig = {
            OnCalendar = fleet.literal calendar;
            Persistent = lib.mkDefault true;
            AccuracySec = lib.mkDefault "10s";
          };
        }
      ) calendars
    );

    systemd.services = {
      "agent-orchestrator-wake@" = asker;
      "agent-orchestrator-run@" = asker;
    };
  };
}
