# What the units keep an agent from.
import ./common/scenario.nix { scenarios = [ "10-confinement" ]; }
