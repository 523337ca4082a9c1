# The web part behind its proxy, with a password and an address that comes late.
import ./common/scenario.nix {
  scenarios = [ "08-web" ];
  extra = {
    services.agentOrchestrator.web = {
      inherit ((import ./common/fleet.nix).web) hostName listenAddress;
    };
    systemd.tmpfiles.rules = [ "d /usr/local/bin 0755 root root" ];
  };
}
