# What of an agent or a service cannot work.
{ config, lib, ... }:
let
  inherit (import ./common.nix { inherit lib config; })
    at
    cfg
    fleet
    pathOf
    presets
    ;
  inherit (import ../calendar.nix { inherit lib; }) isCalendar;

  isName = text: builtins.match "[A-Za-z0-9_-]{1,64}" text != null;
  isBackend = name: builtins.elem name presets || cfg.backends ? ${name};
  loopNames = builtins.attrNames cfg.loops;
  hasLoop = cfg.loop != null || cfg.loops != { };

  isFolder =
    path: path != "" && !lib.hasPrefix "~" path && !builtins.elem ".." (lib.splitString "/" path);

  # Loop agents that would work in one and the same clone.
  sharing = lib.filter (agents: builtins.length agents > 1) (
    lib.attrValues (
      lib.groupBy (agent: "${toString agent.loop} ${fleet.dirOf agent}") (
        builtins.filter (agent: agent.kind == "loop") fleet.enabledAgents
      )
    )
  );

  seesTemporary =
    session:
    builtins.elem ((cfg.sessionServiceConfig // session.serviceConfig).PrivateTmp or true) [
      false
      "no"
      "false"
    ];

  ofSession =
    session:
    [
      {
        assertion = isName session.name;
        message = "${pathOf session}: a name is made of letters, digits, `_` and `-`, at most 64. Rename it.";
      }
      {
        assertion = isFolder session.dir;
        message = "${pathOf session}.dir: `${session.dir}` is no path. Write it without `~` and `..`, whole or from projectDir on, which is `.`.";
      }
      {
        assertion = fleet.isTemporary (fleet.dirOf session) -> seesTemporary session;
        message = "${pathOf session}.dir: its unit has a /tmp of its own and does not see `${fleet.dirOf session}`. Choose a folder elsewhere, or set `serviceConfig.PrivateTmp = false`.";
      }
      {
        assertion = session.user != null -> config.users.users ? ${session.user};
        message = "${pathOf session}.user: there is no user `${toString session.user}`. Define users.users.${toString session.user}, or leave the fleet's.";
      }
      {
        assertion = session.user != "root";
        message = "${pathOf session}.user: it runs commands of its own, and as root nothing confines it. Leave the fleet's, or name another.";
      }
    ]
    ++ map (name: {
      assertion = builtins.match "[A-Za-z0-9_-][A-Za-z0-9_.-]*" name != null;
      message = "${pathOf session}.credentials: `${name}` is no name of a file. Use letters, digits, `_`, `-` and `.`.";
    }) (lib.attrNames session.credentials);

  ofAgent =
    agent:
    let
      path = pathOf agent;
      backend = fleet.backendOf agent;
      isLoop = agent.kind == "loop";
    in
    [
      {
        assertion = isBackend backend;
        message = "${path}.backend: there is no backend `${backend}`. Define ${at "backends.${backend}"}, or use one of ${lib.concatStringsSep ", " presets}.";
      }
      {
        assertion = isLoop -> hasLoop;
        message = "${path}.kind: there is no loop for it. Set ${at "loop.phases"}, or another kind.";
      }
      {
        assertion = isLoop -> agent.loop == null -> builtins.length fleet.loops < 2;
        message = "${path}.loop: there are several loops. Name one of ${lib.concatStringsSep ", " loopNames}.";
      }
      {
        assertion = agent.loop != null -> isLoop && builtins.elem agent.loop loopNames;
        message = "${path}.loop: only an agent of kind `loop` has one, and it must be one of ${at "loops"}. Correct or remove it.";
      }
      {
        assertion = agent.role != null -> isLoop;
        message = "${path}.role: only an agent of kind `loop` has one. Set `kind = \"loop\"`, or remove it.";
      }
      {
        assertion = agent.prompt == null || agent.promptFile == null;
        message = "${path}: `prompt` and `promptFile` are both set. Remove one of them.";
      }
      {
        assertion = isLoop || agent.prompt != null || agent.promptFile != null;
        message = "${path}: it is not said what it should do. Set `promptFile` or `prompt`, or `kind = \"loop\"` if it works the phases of a loop.";
      }
      {
        assertion = agent.schedule != null -> agent.kind == "task";
        message = "${path}.schedule: only a task is run by a calendar. Set `kind = \"task\"`, or use `wake.schedule`.";
      }
      {
        assertion = agent.wake != null -> agent.kind != "task";
        message = "${path}.wake: a task is not woken. Remove it, or use `schedule`.";
      }
      {
        assertion = agent.wake.schedule or null == null || agent.wake.interval or null == null;
        message = "${path}.wake: `interval` and `schedule` are both set. Remove one of them.";
      }
    ];
in
{
  config = lib.mkIf cfg.enable {
    assertions =
      map (
        { path, text }:
        {
          assertion = isCalendar text;
          message = "${path}: `${text}` is no calendar. See systemd.time(7); `systemd-analyze calendar '${text}'` tries one.";
        }
      ) fleet.calendars
      ++ map (agents: {
        assertion = false;
        message = "${pathOf (lib.head agents)}.dir: ${
          lib.concatMapStringsSep " and " (agent: "`${agent.name}`") agents
        } would work in one folder, `${fleet.dirOf (lib.head agents)}`. Give each a clone of its own.";
      }) sharing
      ++ lib.concatMap ofSession fleet.sessions
      ++ lib.concatMap ofAgent fleet.agents;
  };
}
