# Agents outlive the supervisor: its restart, its death, its hang, its upgrade.
import ./common/scenario.nix { scenarios = [ "01-outlive" ]; }
