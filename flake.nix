{
  description = "Supervises a fleet of AI coding agents in tmux";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forAllSystems = build: lib.genAttrs systems (system: build nixpkgs.legacyPackages.${system});
    in
    {
      packages = forAllSystems (pkgs: rec {
        agent-orchestrator = pkgs.callPackage ./nixos/package.nix { };
        default = agent-orchestrator;
      });

      overlays.default = final: _: {
        agent-orchestrator = final.callPackage ./nixos/package.nix { };
      };

      nixosModules.default = ./nixos/module.nix;

      apps = forAllSystems (
        pkgs:
        let
          package = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
        in
        {
          default = {
            type = "app";
            program = lib.getExe package;
            inherit (package) meta;
          };
          demo = {
            type = "app";
            program = lib.getExe (
              pkgs.writeShellScriptBin "agent-orchestrator-demo" ''exec ${lib.getExe package} demo "$@"''
            );
            meta.description = "Shows a small fleet of stand-in agents that work a plan, without any AI";
          };
        }
      );

      checks = forAllSystems (pkgs: import ./nixos/checks.nix { inherit lib pkgs nixpkgs; });

      devShells = forAllSystems (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ self.packages.${pkgs.stdenv.hostPlatform.system}.default ];
          packages = [
            pkgs.clippy
            pkgs.deadnix
            pkgs.git
            pkgs.nixfmt
            pkgs.python3
            pkgs.rust-analyzer
            pkgs.rustfmt
            pkgs.statix
            pkgs.tmux
          ];
        };
      });

      formatter = forAllSystems (pkgs: pkgs.nixfmt-tree);
    };
}
