# A reboot brings the fleet back: the same conversations, the same phase.
import ./common/scenario.nix {
  scenarios = [ "03-reboot" ];
  # A boot would put the module's back in place of the script's.
  extra.environment.etc."agent-orchestrator/agents.toml".enable = false;
}
