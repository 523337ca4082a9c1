# An agent program.
{ lib, toml }:
let
  inherit (lib) mkOption types;
  optional =
    type: example: description:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit example description;
    };
in
{
  options = {
    package = optional types.package (lib.literalExpression "pkgs.claude-code") ''
      Package with the program, put on the `PATH` of all agents with this backend.
    '';
    preset =
      optional types.str "claude"
        "The preset that gives all that is not said here. Without it that of its name.";
    bin = optional types.str "claude" "The program, as shell text. Without it the preset's.";
    flags = optional types.str "--permission-mode acceptEdits" "Further arguments, as shell text.";
    account =
      optional types.str "team"
        "Whose usage limits its agents share. Without it the backend's name.";
    env = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        DISABLE_AUTOUPDATER = "1";
      };
      description = "Environment of the program. It is readable by everybody on the host: no secrets here.";
    };
    settings = mkOption {
      inherit (toml) type;
      default = { };
      example = {
        stall_idle = 600;
        supports_resume = true;
      };
      description = "Further keys of `[backend.NAME]` in agents.toml, by the names that they have there; none that has an option of its own.";
    };
  };
}
