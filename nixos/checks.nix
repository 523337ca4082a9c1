# What `nix flake check` looks at.
{
  lib,
  pkgs,
  nixpkgs,
}:
let
  package = pkgs.callPackage ./package.nix { };

  # All that git knows: the flake was copied from it.
  repository = lib.cleanSource ../.;

  evaluated = import ./tests/eval { inherit lib; };

  looksAt =
    name: tools: script:
    pkgs.runCommand name { nativeBuildInputs = tools; } ''
      cd ${repository}
      ${script}
      touch "$out"
    '';

  # The options as a host's own manual has them; one without a description is an error.
  manual =
    (pkgs.nixosOptionsDoc {
      inherit
        (lib.evalModules {
          modules = [
            ./module.nix
            ./tests/eval/stand-ins.nix
            { _module.args = { inherit pkgs; }; }
          ];
        })
        options
        ;
      transformOptions =
        option:
        if lib.hasPrefix "services.agentOrchestrator" option.name then
          option
        else
          option // { visible = false; };
      warningsAreErrors = true;
    }).optionsCommonMark;

  scenarios = lib.filterAttrs (name: kind: kind == "regular" && lib.hasSuffix ".nix" name) (
    builtins.readDir ./tests
  );
  machines = lib.mapAttrs' (
    name: _:
    lib.nameValuePair "vm-${lib.removeSuffix ".nix" name}" (
      pkgs.testers.runNixOSTest (./tests + "/${name}")
    )
  ) scenarios;
in
{
  inherit package manual;

  clippy = package.overrideAttrs (previous: {
    pname = "${previous.pname}-clippy";
    nativeCheckInputs = previous.nativeCheckInputs ++ [ pkgs.clippy ];
    buildPhase = "true";
    checkPhase = "cargo clippy --offline --all-targets -- -D warnings";
    installPhase = "touch $out";
    dontFixup = true;
  });

  rustfmt = package.overrideAttrs (previous: {
    pname = "${previous.pname}-rustfmt";
    nativeCheckInputs = previous.nativeCheckInputs ++ [ pkgs.rustfmt ];
    buildPhase = "true";
    checkPhase = "cargo fmt --check";
    installPhase = "touch $out";
    dontFixup = true;
  });

  # The tests that the package leaves out: those of the repository itself.
  repository = package.overrideAttrs (previous: {
    pname = "${previous.pname}-repository";
    src = repository;
    cargoTestFlags = [
      "--test"
      "readme"
      "--test"
      "tidy"
    ];
  });

  nix-format = looksAt "nix-format" [ pkgs.nixfmt ] "find . -name '*.nix' -exec nixfmt --check {} +";

  nix-lints = looksAt "nix-lints" [
    pkgs.deadnix
    pkgs.statix
  ] "deadnix --fail . && statix check .";

  evaluation = looksAt "evaluation" [ package pkgs.python3 pkgs.systemd ] ''
    export TZDIR=${pkgs.tzdata}/share/zoneinfo
    python3 nixos/tests/check_results.py \
      ${pkgs.writeText "results.json" (builtins.toJSON evaluated)} ${lib.getExe package}
  '';

  # The module with all of NixOS: no stand-in hides a wrong name, or makes what NixOS would not.
  whole =
    let
      host = {
        inherit nixpkgs;
        inherit (pkgs.stdenv.hostPlatform) system;
      };
      real = import ./tests/eval/real.nix host;
    in
    pkgs.writeText "whole.json" (
      if real.failed == [ ] then
        builtins.toJSON (import ./tests/eval/whole.nix host)
      else
        throw (builtins.toJSON real.failed)
    );
}
// machines
