# A reboot brings the fleet back: the same conversations, the same phase.
import ./common/scenario.nix { scenarios = [ "03-reboot" ]; }
