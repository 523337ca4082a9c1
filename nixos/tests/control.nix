# Who may ask what of the supervisor.
import ./common/scenario.nix { scenarios = [ "05-control" ]; }
