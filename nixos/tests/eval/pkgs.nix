# As much of pkgs as the module looks at. Every package is a host's /usr, so that what is generated runs on Debian.
{ lib }:
let
  package = name: {
    type = "derivation";
    inherit name;
    pname = name;
    outPath = "/usr";
    meta.mainProgram = name;
  };

  # What would be built: its text or script is looked at instead, and it stands where the machine has it.
  built =
    name: rest:
    {
      type = "derivation";
      inherit name;
      outPath = "/etc/agent-orchestrator/${name}";
    }
    // rest;

  host.canExecute = _: true;
in
lib.genAttrs [
  "bashInteractive"
  "coreutils"
  "curl"
  "findutils"
  "gawk"
  "git"
  "gnugrep"
  "gnused"
  "gnutar"
  "gzip"
  "opencode"
  "openssh"
  "perl"
  "procps"
  "systemd"
  "tmux"
  "tzdata"
  "util-linux"
  "which"
] package
// {
  callPackage = _: _: package "agent-orchestrator";
  claude-code = package "claude";
  stdenv = {
    buildPlatform = host;
    hostPlatform = host;
  };
  formats.toml = _: {
    type =
      let
        value =
          with lib.types;
          nullOr (oneOf [
            bool
            int
            float
            str
            path
            (attrsOf value)
            (listOf value)
          ])
          // {
            description = "TOML value";
          };
      in
      value;
    generate = name: content: built name { text = import ./toml.nix { inherit lib; } content; };
  };
  writeShellScriptBin = name: text: package name // { inherit text; };
  runCommand =
    name: environment: script:
    built name (environment // { inherit script; });
}
