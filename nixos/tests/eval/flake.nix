# The flake's outputs with a stand-in for nixpkgs: every name in flake.nix, package.nix and checks.nix is looked at.
{ lib, configure }:
let
  derivation =
    name: rest:
    {
      type = "derivation";
      inherit name;
      outPath = "/nix/store/00000000000000000000000000000000-${name}";
      meta.mainProgram = name;
    }
    // rest;

  buildRustPackage =
    arguments:
    derivation arguments.pname (
      arguments
      // {
        inherit arguments;
        overrideAttrs = change: buildRustPackage (arguments // change arguments);
      }
    );

  # A test is a module, as runNixOSTest takes it.
  runNixOSTest =
    test:
    let
      evaluated = import test { inherit lib; };
    in
    derivation evaluated.name { inherit evaluated; };

  pkgs =
    import ./pkgs.nix { inherit lib; }
    // lib.genAttrs [
      "clippy"
      "deadnix"
      "git"
      "makeBinaryWrapper"
      "nixfmt"
      "nixfmt-tree"
      "openssh"
      "python3"
      "rust-analyzer"
      "rustfmt"
      "statix"
      "tmux"
      "util-linux"
    ] (name: derivation name { })
    // {
      inherit lib;
      callPackage = lib.callPackageWith pkgs;
      mkShell = derivation "shell";
      rustPlatform = { inherit buildRustPackage; };
      stdenv.hostPlatform.system = "x86_64-linux";
      testers = { inherit runNixOSTest; };
      writeShellScriptBin = name: text: derivation name { inherit text; };
      writeText = name: text: derivation name { inherit text; };
    };

  nixpkgs = {
    inherit lib;
    legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (_: pkgs);
  };
  outputs = (import ../../../flake.nix).outputs {
    inherit nixpkgs;
    self = outputs;
  };
  here = lib.mapAttrs (_: forSystem: forSystem.x86_64-linux) (
    lib.filterAttrs (_: output: output ? x86_64-linux) outputs
  );
  package = here.packages.default.arguments;
  machines = lib.filterAttrs (name: _: lib.hasPrefix "vm-" name) here.checks;
  # A machine, and what it is switched to: its specialisations are laid over it.
  systemsOf =
    test:
    let
      inherit (test.evaluated.nodes) machine;
      base = configure [ machine ];
    in
    [ base ]
    ++ map (
      special:
      configure [
        machine
        special.configuration
      ]
    ) (lib.attrValues base.specialisation);
in
{
  inherit outputs;

  # The scripts of the virtual machines, for a compiler of Python.
  scripts = lib.mapAttrs (_: machine: machine.evaluated.testScript) machines;

  tests = {
    "test flake: outputs" = {
      expr = lib.attrNames outputs;
      expected = [
        "apps"
        "checks"
        "devShells"
        "formatter"
        "nixosModules"
        "overlays"
        "packages"
      ];
    };
    "test flake: both systems" = {
      expr = map lib.attrNames [
        outputs.packages
        outputs.checks
        outputs.apps
      ];
      expected = lib.genList (_: [
        "aarch64-linux"
        "x86_64-linux"
      ]) 3;
    };
    "test flake: `nix run` and `nix run .#demo`" = {
      expr = lib.mapAttrs (_: app: baseNameOf app.program) here.apps;
      expected = {
        default = "agent-orchestrator";
        demo = "agent-orchestrator-demo";
      };
    };
    "test flake: the module is found without it" = {
      expr = outputs.nixosModules.default;
      expected = ../../module.nix;
    };
    "test flake: the overlay adds the program" = {
      expr = (outputs.overlays.default pkgs pkgs).agent-orchestrator.name;
      expected = "agent-orchestrator";
    };
    "test flake: one virtual machine for each scenario" = {
      expr = lib.sort lib.lessThan (
        lib.concatMap (machine: machine.evaluated.passthru.scenarios) (lib.attrValues machines)
      );
      expected = lib.sort lib.lessThan (
        map (lib.removeSuffix ".sh") (
          # 13 is of what `agent-orchestrator units` writes, in whose place the module is here, 14 of what npm gives.
          lib.subtractLists [ "lib.sh" "module-begin.sh" "13-apart.sh" "14-programs.sh" ] (
            lib.attrNames (builtins.readDir ../../../tests/systemd/scenarios)
          )
        )
      );
    };
    "test flake: the virtual machines are what the module accepts" = {
      expr = lib.concatMap (
        system:
        builtins.deepSeq system.systemd.services (
          map (one: one.message) (builtins.filter (one: !one.assertion) system.assertions)
        )
      ) (lib.concatMap systemsOf (lib.attrValues machines));
      expected = [ ];
    };
    "test flake: they are switched to as many others" = {
      expr = lib.mapAttrs (_: machine: builtins.length (systemsOf machine) - 1) (
        lib.filterAttrs (_: machine: builtins.length (systemsOf machine) > 1) machines
      );
      expected = {
        vm-home = 1;
        vm-off = 1;
        vm-state = 1;
        vm-switch = 1;
      };
    };
    "test flake: lints look at the same source" = {
      expr = map (check: here.checks.${check}.checkPhase) [
        "clippy"
        "rustfmt"
      ];
      expected = [
        "cargo clippy --offline --all-targets -- -D warnings"
        "cargo fmt --check"
      ];
    };
    "test package: version and words are Cargo's" = {
      expr = {
        inherit (package) version;
        inherit (package.meta) description mainProgram;
      };
      expected = {
        inherit ((lib.importTOML ../../../Cargo.toml).package) version description;
        mainProgram = "agent-orchestrator";
      };
    };
    "test package: what it runs is on its path" = {
      expr = map (program: lib.hasInfix program.outPath package.postFixup) [
        pkgs.git
        pkgs.openssh
        pkgs.tmux
      ];
      expected = [
        true
        true
        true
      ];
    };
  };
}
