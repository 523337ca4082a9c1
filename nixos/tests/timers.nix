# Calendars fire once after a downtime, and a run is use-or-create.
import ./common/scenario.nix { scenarios = [ "07-timers" ]; }
