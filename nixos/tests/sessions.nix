# Deaths are healed by unit, and what systemctl does to a session is deliberate.
import ./common/scenario.nix { scenarios = [ "02-stop-and-start" ]; }
