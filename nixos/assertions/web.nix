# What of the web part cannot work, or is seen by others.
{ config, lib, ... }:
let
  inherit (import ./common.nix { inherit lib config; })
    at
    cfg
    fleet
    pathOf
    ;
  inherit (cfg) web;
  host = config.services.nginx.virtualHosts.${web.hostName};

  is = pattern: builtins.match pattern (lib.toLower web.listenAddress) != null;
  isAddress = is "[0-9]{1,3}([.][0-9]{1,3}){3}" || is "\\[[0-9a-f:.]*:[0-9a-f:.]*]";
  # Of the host, of private networks, links and tailnets; `[::ffff:…]` is none of them.
  isPrivate =
    fleet.isLoopback web.listenAddress
    || lib.any is [
      "10[.].*"
      "172[.](1[6-9]|2[0-9]|3[01])[.].*"
      "192[.]168[.].*"
      "169[.]254[.].*"
      "100[.](6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])[.].*"
      "\\[f[cd][0-9a-f]{2}:.*"
      "\\[fe[89ab][0-9a-f]:.*"
    ];

  # Who else would have the password.
  readers =
    map (session: {
      option = "${pathOf session}.environmentFile";
      file = session.environmentFile;
    }) fleet.sessions
    ++ [
      {
        option = at "notify.environmentFile";
        file = cfg.notify.environmentFile;
      }
    ];
in
{
  config = lib.mkIf cfg.enable {
    warnings =
      lib.optional
        (web.enable && web.hostName != null && isAddress && !isPrivate && !(host.forceSSL || host.onlySSL))
        "${at "web.listenAddress"}: without TLS everybody on the way to `${web.listenAddress}` can read the password. Set services.nginx.virtualHosts.\"${web.hostName}\".forceSSL and a certificate, or the address in a private network.";

    assertions = [
      {
        assertion = web.hostName != null -> web.enable;
        message = "${at "web.hostName"}: there is nothing behind it. Set ${at "web.enable"}.";
      }
      {
        assertion = web.enable -> web.environmentFile != null;
        message = "${at "web.environmentFile"}: without a password the server obeys every user of the host. Name a file with the line `OPENCODE_SERVER_PASSWORD=...`, outside of the store; the user is `opencode`.";
      }
      {
        assertion = web.enable && web.environmentFile != null -> web.environmentFile != cfg.environmentFile;
        message = "${at "web.environmentFile"}: it is that of all agents, who would have the password. Name another file.";
      }
      {
        assertion =
          web.enable && web.hostName != null -> host.basicAuthFile == null && host.basicAuth == { };
        message = "services.nginx.virtualHosts.\"${toString web.hostName}\": a password of nginx comes by the same header as that of the server behind it, so that nobody gets in. Remove `basicAuth` and `basicAuthFile`.";
      }
      {
        assertion = web.enable -> web.port >= 1024;
        message = "${at "web.port"}: the server has no right to listen on port ${toString web.port}; it is nginx that does so. Choose one of 1024 or more.";
      }
      {
        assertion = lib.hasInfix ":" web.listenAddress -> lib.hasPrefix "[" web.listenAddress;
        message = "${at "web.listenAddress"}: `${web.listenAddress}` has a colon and no brackets. Write an IPv6 address as `[fd7a::1]`, and no port.";
      }
      {
        assertion = isAddress || lib.hasInfix ":" web.listenAddress;
        message = "${at "web.listenAddress"}: `${web.listenAddress}` is no address, neither the name of an interface nor that of a host is one. Write the host's own as `ip address` shows it; an interface is named by ${at "web.firewallInterface"}.";
      }
    ]
    ++ map (
      { option, file }:
      {
        assertion = web.enable && file != null -> file != web.environmentFile;
        message = "${option}: it is that of the web part, whose password would be known. Name another file.";
      }
    ) readers;
  };
}
