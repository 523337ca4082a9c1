# The wall clock is set forward and back, and is another one after a boot: calendars fire once, intervals do not notice.
import ./common/scenario.nix {
  scenarios = [ "12-clock" ];
  extra =
    { lib, ... }:
    {
      # A boot would put the module's back in place of the script's.
      environment.etc."agent-orchestrator/agents.toml".enable = false;
      # The script wakes him by an interval.
      services.agentOrchestrator.agents.bob.wake = lib.mkForce null;
    };
}
