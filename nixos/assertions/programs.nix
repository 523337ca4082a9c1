# Programs that nothing brings.
{ config, lib, ... }:
let
  inherit (import ./common.nix { inherit lib config; })
    at
    cfg
    fleet
    pathOf
    presets
    ;

  # The packages of the presets' programs.
  packages = {
    claude = "pkgs.claude-code";
    codex = "pkgs.codex";
    gemini = "pkgs.gemini-cli";
    opencode = "pkgs.opencode";
  };

  commandOf =
    name:
    let
      backend = cfg.backends.${name} or { };
      preset = if backend.preset or null == null then name else backend.preset;
    in
    if backend.bin or null != null then
      backend.bin
    else if builtins.elem preset presets then
      (lib.importTOML (../../src/config/presets + "/${preset}.toml")).bin
    else
      "";

  ofAgent =
    agent:
    let
      name = fleet.backendOf agent;
      command = commandOf name;
      program = lib.head (lib.splitString " " command);
      brings =
        package:
        builtins.elem program [
          (lib.getName package)
          (package.meta.mainProgram or null)
        ];
      isThere =
        cfg.backends.${name}.package or null != null
        || lib.hasInfix "/" command
        || lib.any brings (agent.packages ++ cfg.packages);
    in
    lib.optional (command != "" && !isThere)
      "${pathOf agent}: nothing brings `${program}`, the program of its backend `${name}`. Set ${at "backends.${name}.package"} = ${packages.${program} or "…"}, or the program's whole path as `bin`.";

  notified = toString (lib.take 1 cfg.notify.command);
in
{
  config = lib.mkIf cfg.enable {
    warnings = lib.concatMap ofAgent fleet.enabledAgents;

    assertions = [
      {
        assertion = !(lib.hasInfix " " notified);
        message = "${at "notify.command"}: there is no program `${notified}`; this is no shell text. Write each argument as a text of its own.";
      }
      {
        assertion = notified == "" || lib.hasInfix " " notified || lib.hasInfix "/" notified;
        message = "${at "notify.command"}: the supervisor's PATH has no `${notified}`. Write its whole path: `lib.getExe pkgs.${notified}`.";
      }
    ];
  };
}
