# Evaluates every fleet that works with all of NixOS, without building: what would be built, by fleet.
{
  nixpkgs,
  system ? "x86_64-linux",
}:
let
  inherit (import (nixpkgs + "/lib")) mapAttrs;
  evaluate =
    configuration:
    (import (nixpkgs + "/nixos/lib/eval-config.nix") {
      inherit system;
      modules = [
        ../../module.nix
        ../common/users.nix
        {
          services.agentOrchestrator = configuration;
          nixpkgs.config.allowUnfree = true;
          # As little of a machine as NixOS accepts.
          boot.loader.grub.enable = false;
          fileSystems."/" = {
            device = "none";
            fsType = "tmpfs";
          };
          system.stateVersion = "26.05";
        }
      ];
    }).config.system.build.toplevel.drvPath;
in
mapAttrs (_: configuration: builtins.unsafeDiscardStringContext (evaluate configuration)) (
  import ./fleets.nix
)
