# The supervisor's one right.
import ./common/scenario.nix { scenarios = [ "04-polkit" ]; }
