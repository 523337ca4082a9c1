# The journal's fields, levels and the status line.
import ./common/scenario.nix { scenarios = [ "06-journal" ]; }
