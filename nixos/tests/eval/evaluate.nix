# Evaluates the module with stand-ins for the rest of NixOS.
{ lib }:
modules:
(lib.evalModules {
  # As a flake's configuration passes them on.
  specialArgs.inputs.agent-orchestrator.nixosModules.default = ../../module.nix;
  modules = [
    ../../module.nix
    ./stand-ins.nix
    {
      _module.args.pkgs = import ./pkgs.nix { inherit lib; };
      _module.args.utils.escapeSystemdExecArgs = lib.concatMapStringsSep " " (
        word: builtins.toJSON (lib.replaceStrings [ "%" "$" ] [ "%%" "$$" ] (toString word))
      );
    }
  ]
  ++ modules;
}).config
