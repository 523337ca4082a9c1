# The web part behind its proxy, with a password and an address that comes late.
import ./common/scenario.nix {
  scenarios = [ "08-web" ];
  extra =
    { lib, pkgs, ... }:
    {
      services.agentOrchestrator.web = lib.mkForce (
        (import ./common/fleet.nix).web
        // {
          # The script's stand-in, once it is there.
          package = pkgs.writeShellScriptBin "opencode" ''
            [ -e /usr/local/bin/opencode ] || exec tail -f /dev/null
            exec ${lib.getExe pkgs.perl} /usr/local/bin/opencode "$@"
          '';
        }
      );
      systemd.tmpfiles.rules = [ "d /usr/local/bin 0755 root root" ];
    };
}
