# A plain command beside the agents.
{ lib }:
let
  inherit (lib) mkOption types;
in
{
  imports = [ (import ./unit.nix { inherit lib; }) ];

  options = {
    enable = lib.mkEnableOption "this service; without it a running one is stopped" // {
      default = true;
    };

    command = mkOption {
      type = types.nonEmptyStr;
      example = "npm run dev";
      description = "What runs, as shell text.";
    };

    dir = mkOption {
      type = types.str;
      default = ".";
      example = "builder";
      description = "Its working folder; relative to {option}`projectDir`.";
    };

    session = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "shop-site";
      description = "Name of its tmux session. Without it {option}`sessionPrefix` and its name.";
    };
  };
}
