# The web part: opencode's server on loopback, behind nginx on one address.
{ lib, pkgs }:
let
  inherit (lib) mkOption types;
  externalPath = import ./external-path.nix { inherit lib; };
in
{
  enable = lib.mkEnableOption "an opencode server for people, on loopback";

  package = lib.mkPackageOption pkgs "opencode" { };

  port = mkOption {
    type = types.port;
    default = 4096;
    description = "Port of the server, on loopback.";
  };

  environmentFile = mkOption {
    type = types.nullOr externalPath;
    default = null;
    example = "/run/secrets/opencode.env";
    description = ''
      File of secret variables of the server, besides those of {option}`services.agentOrchestrator.environmentFile`. It
      must hold `OPENCODE_SERVER_PASSWORD`, which the server asks for, of the user `opencode`: whoever knows it runs
      commands as the fleet's user.
    '';
  };

  hostName = mkOption {
    type = types.nullOr types.str;
    default = null;
    example = "oc.example.net";
    description = ''
      Name of the nginx virtual host; without it there is none. Certificates and all else of it are set at
      `services.nginx.virtualHosts.NAME`.
    '';
  };

  listenAddress = mkOption {
    type = types.str;
    default = "127.0.0.1";
    example = "100.64.0.5";
    description = ''
      The one address that nginx listens on for it, for instance the host's own in a tailnet. It may come later than
      nginx: listening on an address that is not there yet is allowed then. IPv6 addresses stand in brackets.
    '';
  };

  firewallInterface = mkOption {
    type = types.nullOr types.str;
    default = null;
    example = "tailscale0";
    description = "Interface on which the firewall lets ports 80 and 443 through. Without it no port is opened.";
  };
}
