# A usage limit is held over a reboot.
import ./common/scenario.nix { scenarios = [ "20-limit" ]; }
