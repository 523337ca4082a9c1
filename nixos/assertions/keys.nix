# Keys of agents.toml that have an option of their own: said by their names they are dropped, or are half of what the
# option does, which also makes folders, units and timers.
{
  config,
  lib,
  options,
  ...
}:
let
  inherit (import ./common.nix { inherit lib config; })
    at
    cfg
    fleet
    pathOf
    pathOfLoop
    ;

  # By their keys the paths of the options below one of the module's.
  below =
    option: path:
    lib.mapAttrs' (
      name: _:
      lib.nameValuePair (if name == "enable" then "enabled" else fleet.keyName name) "${path}.${name}"
    ) (removeAttrs (option.type.getSubOptions [ ]) [ "settings" ])
    // {
      name = path;
    };
  inherit (options.services.agentOrchestrator) agents backends loops;

  refused =
    path: said: known:
    map (key: {
      assertion = false;
      message = "${path}.${key}: it has an option of its own. Set ${known.${key}} instead.";
    }) (lib.attrNames (builtins.intersectAttrs said known));

  # What is said once for all, and what of each agent.
  ofDefaults = {
    log_dir = at "logDir";
    project_dir = at "projectDir";
    session_prefix = at "sessionPrefix";
  }
  // lib.getAttrs [
    "dir"
    "enabled"
    "kind"
    "loop"
    "name"
    "prompt"
    "prompt_file"
    "role"
    "schedule"
    "session"
    "wake"
  ] (below agents (at "agents.NAME"));

  part =
    name:
    let
      value = cfg.settings.${name} or null;
    in
    if lib.isAttrs value then value else { };
in
{
  config = lib.mkIf cfg.enable {
    assertions =
      refused (at "defaults") cfg.defaults ofDefaults
      ++ lib.concatMap (
        agent: refused "${pathOf agent}.settings" agent.settings (below agents (pathOf agent))
      ) fleet.agents
      ++ lib.concatLists (
        lib.mapAttrsToList (
          name: backend:
          let
            path = at "backends.${name}";
          in
          refused "${path}.settings" backend.settings (below backends path)
          ++ refused (at "settings.backend.${name}") (part "backend").${name} or { } (below backends path)
        ) (lib.mapAttrs (_: _: { settings = { }; }) (part "backend") // cfg.backends)
      )
      ++ lib.concatMap (
        loop: refused "${pathOfLoop loop}.settings" loop.settings (below loops (pathOfLoop loop))
      ) fleet.loops
      ++ refused (at "settings.loop") (part "loop") (below loops (at "loop"))
      ++ refused (at "settings.notify") (part "notify") { command = at "notify.command"; }
      ++ refused (at "settings.defaults") (part "defaults") (
        ofDefaults
        // {
          backend = at "defaults.backend";
          watch = at "defaults.watch";
        }
      )
      # A list would take the place of all of them.
      ++ refused (at "settings") (lib.filterAttrs (_: lib.isList) cfg.settings) {
        agent = at "agents";
        loop = at "loops";
        service = at "services";
      };
  };
}
