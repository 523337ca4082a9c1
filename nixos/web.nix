# The web part: its unit, and a virtual host of nginx that does not hold events back.
{
  config,
  lib,
  utils,
  ...
}:
let
  cfg = config.services.agentOrchestrator;
  inherit (cfg) web;
  fleet = import ./fleet.nix { inherit lib cfg; };
  behindProxy = web.enable && web.hostName != null;
  isRemote = !fleet.isLoopback web.listenAddress;
  unit = {
    # What a person has it do, no rebuild ends.
    restartIfChanged = false;
    wantedBy = [ "agent-orchestrator.target" ];
    path = cfg.packages;
    environment.HOME = fleet.literal cfg.homeDir;
    serviceConfig = {
      # The empty one takes the package's away.
      ExecStart = [
        ""
        (utils.escapeSystemdExecArgs [
          (lib.getExe web.package)
          "serve"
          "--hostname"
          "127.0.0.1"
          "--port"
          (toString web.port)
        ])
      ];
      WorkingDirectory = lib.mkDefault (fleet.literal cfg.homeDir);
    }
    // fleet.writable [
      cfg.projectDir
      cfg.homeDir
    ]
    // fleet.identity
    // {
      # The same: there is no such file as the package's.
      EnvironmentFile = lib.mkBefore (
        [ "" ]
        ++ (fleet.environmentFiles [
          cfg.environmentFile
          web.environmentFile
        ]).EnvironmentFile or [ ]
      );
    };
  };
in
{
  config = lib.mkIf cfg.enable {
    # The package's unit without what follows is none that could run, nor one that a rebuild would stop.
    systemd.services.agent-orchestrator-web = if web.enable then unit else { enable = false; };
    systemd.services.nginx = lib.mkIf (behindProxy && isRemote) {
      # Also in the switch that sets what is below.
      after = [ "systemd-sysctl.service" ];
    };

    services.nginx = lib.mkIf behindProxy {
      enable = true;
      virtualHosts.${web.hostName} = {
        listenAddresses = lib.mkDefault [ web.listenAddress ];
        locations."/" = {
          proxyPass = "http://127.0.0.1:${toString web.port}";
          proxyWebsockets = true;
          recommendedProxySettings = true;
          # Events are passed on as they come; an agent that thinks sends none for long.
          extraConfig = ''
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_cache off;
            gzip off;
            proxy_read_timeout 1d;
            proxy_send_timeout 1d;
          '';
        };
      };
    };

    # An address that comes later than nginx: ordering nginx after what brings it is known not to be enough.
    boot.kernel.sysctl = lib.mkIf (behindProxy && isRemote) {
      "net.ipv4.ip_nonlocal_bind" = lib.mkDefault 1;
      "net.ipv6.ip_nonlocal_bind" = lib.mkDefault 1;
    };

    networking.firewall.interfaces = lib.mkIf (behindProxy && web.firewallInterface != null) {
      ${web.firewallInterface}.allowedTCPPorts = [
        80
        443
      ];
    };
  };
}
