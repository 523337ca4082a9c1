# The wall clock is set forward and back, and is another one after a boot: calendars fire once, intervals do not notice.
import ./common/scenario.nix {
  scenarios = [ "12-clock" ];
  # A boot would put the module's back in place of the script's.
  extra.environment.etc."agent-orchestrator/agents.toml".enable = false;
}
