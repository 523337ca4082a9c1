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
    }
    ++ lib.optional (agent.schedule != null) {
      name = "agent-orchestrator-run@${agent.name}";
      calendar = agent.schedule;
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
    systemd.timers = lib.listToAttrs (
      map (
        { name, calendar }:
        lib.nameValuePair name {
          overrideStrategy = "asDropin";
          timerConfig.OnCalendar = fleet.literal calendar;
        }
      ) calendars
    );

    # Not `wantedBy`: that would make a link to a unit file that an instance does not have.
    systemd.targets.agent-orchestrator.wants = map ({ name, ... }: "${name}.timer") calendars;

    systemd.services = {
      "agent-orchestrator-wake@" = asker;
      "agent-orchestrator-run@" = asker;
    };
  };
}
