# What the README tells a person to write, from an empty flake to a fleet: its blocks of Nix, one after the other.
{
  lib,
  blocks,
  flake,
}:
let
  host = lib.head blocks;
  configuration = lib.last blocks;
  # A flake has a name for each file that it takes.
  inherit (flake) outputs;
  inputs = {
    nixpkgs.lib.nixosSystem = arguments: arguments;
    agent-orchestrator = outputs;
  };
  system = (host.outputs inputs).nixosConfigurations.host;
in
{
  inherit configuration;
  tests = {
    "test readme: the flake is followed by its configuration" = {
      expr = builtins.length blocks;
      expected = 2;
    };
    "test readme: the flake hands the module over and takes the files beside it" = {
      expr = {
        modules = map baseNameOf system.modules;
        module = system.specialArgs.inputs.agent-orchestrator.nixosModules.default;
        imported =
          (configuration {
            inherit (system.specialArgs) inputs;
            pkgs = { };
          }).imports;
      };
      expected = {
        modules = [
          "configuration.nix"
          "fleet.nix"
        ];
        module = ../../module.nix;
        imported = [ ../../module.nix ];
      };
    };
    "test readme: the host takes the commands that an upgrade is made with" = {
      expr =
        (configuration {
          inherit (system.specialArgs) inputs;
          pkgs = { };
        }).nix.settings.experimental-features;
      expected = [
        "nix-command"
        "flakes"
      ];
    };
    "test readme: the host's nixpkgs is the one that the flake is made for" = {
      expr = host.inputs.nixpkgs.url;
      expected = (import ../../../flake.nix).inputs.nixpkgs.url;
    };
  };
}
