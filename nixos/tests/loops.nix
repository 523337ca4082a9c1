# A second `[[loop]]` on the same host.
import ./common/scenario.nix { scenarios = [ "21-two-loops" ]; }
