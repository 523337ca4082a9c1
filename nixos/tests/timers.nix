# Calendars fire once after a downtime, and a run is use-or-create.
import ./common/scenario.nix {
  scenarios = [ "07-timers" ];
  # A boot would put the module's back in place of the script's.
  extra.environment.etc."agent-orchestrator/agents.toml".enable = false;
}
