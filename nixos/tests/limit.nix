# A usage limit is held over a reboot.
import ./common/scenario.nix {
  scenarios = [ "20-limit" ];
  # A boot would put the module's back in place of the script's.
  extra.environment.etc."agent-orchestrator/agents.toml".enable = false;
}
