# An agent that eats memory is ended alone.
import ./common/scenario.nix { scenarios = [ "11-memory" ]; }
