# What the assertions name and look up.
{ lib, config }:
let
  cfg = config.services.agentOrchestrator;
  fleet = import ../fleet.nix { inherit lib cfg; };
in
rec {
  inherit cfg fleet;

  # An option's path.
  at = path: "services.agentOrchestrator.${path}";
  pathOf = session: at "${if session ? command then "services" else "agents"}.${session.name}";
  pathOfLoop = loop: at (if loop.name == null then "loop" else "loops.${loop.name}");

  presets = map (lib.removeSuffix ".toml") (
    builtins.attrNames (builtins.readDir ../../src/config/presets)
  );

  # What stands in a list more than once.
  twice = list: lib.unique (builtins.filter (one: lib.count (other: other == one) list > 1) list);
}
