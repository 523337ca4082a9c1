# A stand-in for all of pkgs, for where NixOS's modules are at hand and packages are not: each is a name that holds
# everything, can be called, and is never built.
{
  lib,
  # What modules take of pkgs, as they write it: `systemd`, `xorg.xauth`, …
  paths,
}:
let
  outputs = [
    "bin"
    "dev"
    "doc"
    "getent"
    "lib"
    "login"
    "man"
    "mount"
    "out"
    "su"
    "swap"
    "util-linux"
  ];
  package =
    name: inner:
    let
      self = {
        type = "derivation";
        name = "${name}-99";
        pname = name;
        version = "99";
        outPath = "/nix/store/00000000000000000000000000000000-${name}";
        drvPath = "/nix/store/00000000000000000000000000000000-${name}.drv";
        outputName = "out";
        outputSpecified = true;
        meta = {
          mainProgram = name;
          outputsToInstall = [ "out" ];
        };
        passthru = { };
        # What modules ask of one package or another.
        compressor = "cat";
        compressorArgs = [ ];
        enabledCryptSchemeIds = [ "y" ];
        features = { };
        interfaceVersion = 2;
        modules = [ ];
        shellPath = "/bin/sh";
        __functor = self: _: self;
      }
      // lib.genAttrs [ "override" "overrideAttrs" "withPackages" ] (_: _: self)
      # What its build was told to leave out: nothing.
      // lib.genAttrs (map (part: "with${part}") [
        "Coredump"
        "Cryptsetup"
        "Efi"
        "Homed"
        "Hostnamed"
        "Importd"
        "Localed"
        "Logind"
        "Machined"
        "Networkd"
        "Oomd"
        "Portabled"
        "Resolved"
        "Sysupdate"
        "Timedated"
        "Timesyncd"
        "Tpm2Tss"
        "UserDb"
        "Utmp"
      ]) (_: true)
      // lib.genAttrs outputs (_: self)
      // inner;
    in
    self;

  tree =
    paths:
    lib.mapAttrs (
      name: group: package name (tree (builtins.filter (path: path != [ ]) (map lib.tail group)))
    ) (lib.groupBy lib.head paths);

  hostPlatform = lib.systems.elaborate "x86_64-linux";
  stdenv = lib.filterAttrs (name: _: lib.hasPrefix "is" name) hostPlatform // {
    inherit hostPlatform;
    buildPlatform = hostPlatform;
    targetPlatform = hostPlatform;
    cc = package "cc" { bintools.dynamicLinker = "/lib/ld.so"; };
    mkDerivation = arguments: package (arguments.pname or arguments.name) { };
  };
  written = name: text: package name { inherit text; };
  kernel = package "linux" {
    modDirVersion = "99";
    config = lib.genAttrs [ "isYes" "isEnabled" "isModule" "isSet" ] (_: _: true);
  };

  pkgs =
    tree (map (lib.splitString ".") paths)
    // lib.genAttrs [
      "buildPackages"
      "pkgsBuildBuild"
      "pkgsBuildHost"
      "pkgsStatic"
      "pkgsi686Linux"
      "__splicedPackages"
    ] (_: pkgs)
    // {
      inherit lib stdenv hostPlatform;
      formats =
        lib.mapAttrs (_: _: _: {
          type = lib.types.anything;
          generate = name: _: package name { };
        }) (tree (map (lib.splitString ".") paths)).formats
        // (import ./pkgs.nix { inherit lib; }).formats;
      _type = "pkgs";
      system = "x86_64-linux";
      config = { };
      overlays = [ ];
      path = "/nixpkgs";
      appendOverlays = _: pkgs;
      extend = _: pkgs;
      callPackage = _: _: package "called" { };
      linuxPackages = {
        inherit kernel;
        extend = _: pkgs.linuxPackages;
      };
      runCommand =
        name: _: script:
        package name { inherit script; };
      writeText = written;
      writeTextFile = { name, text, ... }: written name text;
      writeTextDir = name: text: written (baseNameOf name) text;
      writeShellScript = written;
      writeShellScriptBin = written;
      writeScript = written;
      writeScriptBin = written;
      writers = lib.genAttrs [ "writeNginxConfig" "writeBash" ] (_: written);
    };
in
pkgs
