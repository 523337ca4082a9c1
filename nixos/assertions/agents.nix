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

  schedules = lib.concatMap (
    agent:
    lib.optional (agent.schedule != null) {
      path = "${pathOf agent}.schedule";
      text = agent.schedule;
    }
    ++ lib.optional (agent.wake.schedule or null != null) {
      path = "${pathOf agent}.wake.schedule";
      text = agent.wake.schedule;
    }
  ) fleet.agents;

  seesTemporary =
    session:
    builtins.elem ((cfg.sessionServiceConfig // session.serviceConfig).PrivateTmp or true) [
      false
      "no"
      "false"
    ];

  ofSession = session: [
    {
      assertion = isName session.name;
      message = "${pathOf session}: a name is made of letters, digits, `_` and `-`, at most 64. Rename it.";
    }
    {
      assertion = fleet.isTemporary (fleet.dirOf session) -> seesTemporary session;
      message = "${pathOf session}.dir: its unit has a /tmp of its own and does not see `${fleet.dirOf session}`. Choose a folder elsewhere, or set `serviceConfig.PrivateTmp = false`.";
    }
    {
      assertion = session.user != null -> config.users.users ? ${session.user};
      message = "${pathOf session}.user: there is no user `${toString session.user}`. Define users.users.${toString session.user}, or leave the fleet's.";
    }
  ];

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
      ) schedules
      ++ lib.concatMap ofSession fleet.sessions
      ++ lib.concatMap ofAgent fleet.agents;
  };
}
