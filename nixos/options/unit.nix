# What the session unit of an agent or a service can be given besides its entry in agents.toml.
{ lib }:
{ config, ... }:
let
  inherit (lib) mkOption types;
  externalPath = import ./external-path.nix { inherit lib; };
in
{
  options = {
    user = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "alice";
      description = ''
        User that it runs as, who is defined elsewhere, instead of the fleet's. It has that user's home then, no variables of
        the fleet's {option}`environmentFile`, and its folder must be that user's.
      '';
    };

    packages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      example = lib.literalExpression "[ pkgs.nodejs pkgs.gnumake ]";
      description = "Further packages on its `PATH`.";
    };

    environment = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        CARGO_TERM_COLOR = "never";
      };
      description = "Its environment. It is readable by everybody on the host: secrets go into an `environmentFile`.";
    };

    environmentFile = mkOption {
      type = types.nullOr externalPath;
      default = null;
      example = "/run/secrets/builder.env";
      description = ''
        File of secret variables, read by systemd when the session starts, after that of the fleet. A file that is missing
        lets the start fail.
      '';
    };

    inheritEnvironmentFile = mkOption {
      type = types.bool;
      default = config.user == null;
      defaultText = lib.literalMD "true, unless it has a user of its own";
      description = "Whether it has the variables of {option}`services.agentOrchestrator.environmentFile` too.";
    };

    credentials = mkOption {
      type = types.attrsOf externalPath;
      default = { };
      example = {
        deploy-key = "/run/secrets/deploy-key";
      };
      description = "Secret files by name, found below `$CREDENTIALS_DIRECTORY` (`LoadCredential=`).";
    };

    readWritePaths = mkOption {
      type = types.listOf externalPath;
      default = [ ];
      example = [ "/srv/cache" ];
      description = ''
        Where it may write besides its folder and its home; a local repository that it pushes to, for instance. Missing
        ones are left out.
      '';
    };

    limits = import ./limits.nix {
      inherit lib;
      of = "its session, that is of all that it has started";
    };

    serviceConfig = mkOption {
      type = types.attrsOf types.unspecified;
      default = { };
      example = {
        ProtectHome = false;
        PrivateNetwork = true;
      };
      description = ''
        Settings of its session unit, for instance of a confinement that is too tight or too wide; they go before all
        others. Lists, as `ReadWritePaths`, are added to what the module says; one that begins with `""` stands in its place.
        See {manpage}`systemd.exec(5)` and `src/units/agent-orchestrator-session@.service`.
      '';
    };
  };
}
