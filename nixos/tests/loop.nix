# The loop from end to end: an origin, two clones, two phases to SEQUENCE-COMPLETE.
import ./common/scenario.nix { scenarios = [ "00-demo" ]; }
