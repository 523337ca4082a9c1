# The module's own agents.toml, units, timers and folders.
import ./common/scenario.nix { scenarios = [ "module" ]; }
