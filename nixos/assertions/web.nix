# What of the web part cannot work.
{ config, lib, ... }:
let
  inherit (import ./common.nix { inherit lib config; }) at cfg;
  inherit (cfg) web;
  host = config.services.nginx.virtualHosts.${web.hostName};
in
{
  config = lib.mkIf cfg.enable {
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
    ];
  };
}
