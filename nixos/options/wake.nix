# The wake of an agent.
{ lib, promptsDir }:
let
  inherit (lib) mkOption types;
in
{
  options = {
    promptFile = mkOption {
      type = types.path;
      default = "${promptsDir}/wake.md";
      defaultText = lib.literalMD "the package's";
      example = lib.literalExpression "./wake.md";
      description = "File with the text that is typed.";
    };

    interval = mkOption {
      type = types.nullOr types.ints.positive;
      default = null;
      example = 3600;
      description = "Seconds between two wakes; kept by the supervisor.";
    };

    schedule = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "hourly";
      description = "When a timer wakes it instead ({manpage}`systemd.time(7)`).";
    };
  };
}
