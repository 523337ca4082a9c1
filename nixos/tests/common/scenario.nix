# A virtual machine with the fleet of fleet.nix, that runs a script of tests/systemd/scenarios: what a booted Debian runs.
{
  # Names of scripts, without their ending.
  scenarios,
  # What the machine has besides.
  extra ? { },
}:
{ lib, ... }:
{
  name = "agent-orchestrator-${lib.concatStringsSep "-" scenarios}";
  globalTimeout = 1200;
  passthru = { inherit scenarios; };

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [
        ../../module.nix
        ./users.nix
        extra
      ];
      services.agentOrchestrator =
        let
          fleet = import ./fleet.nix;
        in
        fleet
        // {
          # Without its proxy, and with the stand-in of a script, once that is there.
          web = {
            inherit (fleet.web) enable environmentFile;
            package = pkgs.writeShellScriptBin "opencode" ''
              [ -e /usr/local/bin/opencode ] || exec sleep infinity
              exec ${lib.getExe pkgs.perl} /usr/local/bin/opencode "$@"
            '';
          };
        };
      environment.etc = {
        # What a person of that host has put there; readable by all, as it is no secret here.
        "agent-orchestrator/ada.env".text = "SECRET=\"of ada\"";
        "agent-orchestrator/web.env".text = "OPENCODE_SERVER_PASSWORD=open";
      };
      # What the scripts look with.
      environment.systemPackages = with pkgs; [
        curl
        git
        procps
        tmux
      ];
      virtualisation = {
        cores = 2;
        memorySize = 2048;
      };
    };

  testScript = ''
    scenarios = ${builtins.toJSON scenarios}
    scripts = "${../../../tests/systemd/scenarios}"
    ${builtins.readFile ./scenario.py}
  '';
}
