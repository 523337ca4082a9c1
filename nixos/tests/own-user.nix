# An agent with a user of its own.
import ./common/scenario.nix { scenarios = [ "09-own-user" ]; }
