# What cannot work, each with its cure, and what is odd.
{
  config,
  lib,
  options,
  ...
}:
let
  cfg = config.services.agentOrchestrator;
  fleet = import ./fleet.nix { inherit lib cfg; };
  at = path: "services.agentOrchestrator.${path}";

  kindOf = session: if session ? command then "services" else "agents";
  pathOf = session: at "${kindOf session}.${session.name}";

  presets = map (lib.removeSuffix ".toml") (
    builtins.attrNames (builtins.readDir ../src/config/presets)
  );
  isBackend = name: builtins.elem name presets || cfg.backends ? ${name};

  loopNames = builtins.attrNames cfg.loops;
  hasLoop = cfg.loop != null || cfg.loops != { };
  pathOfLoop = loop: at (if loop.name == null then "loop" else "loops.${loop.name}");

  names = map (session: session.name) fleet.sessions;
  sessionNames = map (
    entry: if entry.session == null then "${cfg.sessionPrefix}${entry.name}" else entry.session
  ) fleet.sessions;
  twice = list: lib.unique (builtins.filter (one: lib.count (other: other == one) list > 1) list);

  isName = text: builtins.match "[A-Za-z0-9_-]{1,64}" text != null;
  inherit (import ./calendar.nix { inherit lib; }) isCalendar;

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

  behindProxy = cfg.web.enable && cfg.web.hostName != null;
  host = config.services.nginx.virtualHosts.${cfg.web.hostName};

  # The place of the state, the folder that is mounted there, and where agents and the web part write.
  place = options.services.agentOrchestrator.stateDir.default;
  state = lib.removeSuffix "/" cfg.stateDir;
  written =
    lib.concatMap (session: [ (fleet.dirOf session) ] ++ session.readWritePaths) fleet.sessions
    ++ lib.optional cfg.web.enable cfg.projectDir;
  writtenState = lib.findFirst (folder: fleet.isBelow folder state) null written;

  # Whose home a folder lies in, where the supervisor may not enter that home.
  closedBy =
    folder:
    let
      ofGroup = ".*[1357].";
      ofOthers = ".*[1357]";
      lets = person: digits: builtins.match digits person.homeMode != null;
      isClosed = person: !(lets person ofOthers || person.group == cfg.group && lets person ofGroup);
    in
    lib.findFirst (
      name:
      let
        person = config.users.users.${name};
      in
      name != cfg.user && fleet.isBelow person.home folder && isClosed person
    ) null (builtins.attrNames config.users.users);
  ofClosed =
    loop:
    let
      repo = fleet.whole (fleet.handoffOf loop).repo;
      owner = closedBy repo;
    in
    lib.optional ((fleet.handoffOf loop).repo != null && fleet.isHome repo && owner != null)
      "${pathOfLoop loop}.handoff.repo: `${repo}` lies in the home of `${toString owner}`, which the supervisor may not enter. Set users.users.${toString owner}.homeMode = \"711\", or choose a folder elsewhere.";

  secrets =
    path: environment:
    map
      (
        name:
        "${path}.${name}: everybody on the host can read it. Put it into an environmentFile if it is a secret."
      )
      (
        builtins.filter (name: builtins.match ".*(KEY|TOKEN|SECRET|PASSWORD)" name != null) (
          builtins.attrNames environment
        )
      );

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
        assertion = agent.prompt == null || agent.promptFile == null;
        message = "${path}: `prompt` and `promptFile` are both set. Remove one of them.";
      }
      {
        assertion = isLoop || agent.prompt != null || agent.promptFile != null;
        message = "${path}: it is not said what it should do. Set `promptFile` or `prompt`.";
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

  ofLoop =
    loop:
    let
      path = pathOfLoop loop;
      pings =
        key:
        let
          name = loop.handoff.${key};
        in
        {
          assertion = name != null -> cfg.agents ? ${name};
          message = "${path}.handoff.${key}: there is no agent `${toString name}`. Name one of ${at "agents"}.";
        };
      ids = map (phase: phase.id) loop.phases;
    in
    [
      (pings "claimPings")
      (pings "reviewPings")
      {
        assertion = twice ids == [ ];
        message = "${path}.phases: the id `${lib.concatStringsSep "`, `" (twice ids)}` stands there twice. Change one of them.";
      }
      {
        assertion = loop.onComplete.run != null -> cfg.agents.${loop.onComplete.run}.kind or "" == "task";
        message = "${path}.onComplete.run: `${toString loop.onComplete.run}` is no agent of kind `task`. Name one, or change its kind.";
      }
    ];
in
{
  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = fleet.sessions != [ ];
        message = "${at "agents"}: the fleet is empty. Add an agent.";
      }
      {
        assertion = cfg.loop == null || cfg.loops == { };
        message = "${at "loop"} and ${at "loops"} are both set. Move the one into the others, under a name.";
      }
      {
        assertion = twice names == [ ];
        message = "${at "services"}: there are agents of the same name: ${toString (twice names)}. Rename them.";
      }
      {
        assertion = twice sessionNames == [ ];
        message = "${at "agents"}: these sessions have several owners: ${toString (twice sessionNames)}. Change `session` of one.";
      }
      {
        assertion = config.users.users ? ${cfg.user};
        message = "${at "user"}: there is no user `${cfg.user}`. Define users.users.${cfg.user}, or leave the default.";
      }
      {
        assertion = cfg.stateDir != place -> !(fleet.isBelow place state || fleet.isBelow state place);
        message = "${at "stateDir"}: `${cfg.stateDir}` and `${place}`, where it is mounted, lie one in the other. Choose a folder elsewhere.";
      }
      {
        assertion = cfg.stateDir != place -> writtenState == null;
        message = "${at "stateDir"}: `${cfg.stateDir}` lies in `${toString writtenState}`, where agents write. Choose a folder elsewhere.";
      }
      {
        assertion = cfg.web.hostName != null -> cfg.web.enable;
        message = "${at "web.hostName"}: there is nothing behind it. Set ${at "web.enable"}.";
      }
      {
        assertion = cfg.web.enable -> cfg.web.environmentFile != null;
        message = "${at "web.environmentFile"}: without a password the server obeys every user of the host. Name a file with the line `OPENCODE_SERVER_PASSWORD=...`, outside of the store; the user is `opencode`.";
      }
      {
        assertion = behindProxy -> host.basicAuthFile == null && host.basicAuth == { };
        message = "services.nginx.virtualHosts.\"${toString cfg.web.hostName}\": a password of nginx comes by the same header as that of the server behind it, so that nobody gets in. Remove `basicAuth` and `basicAuthFile`.";
      }
      {
        assertion = lib.hasInfix ":" cfg.web.listenAddress -> lib.hasPrefix "[" cfg.web.listenAddress;
        message = "${at "web.listenAddress"}: `${cfg.web.listenAddress}` has a colon and no brackets. Write an IPv6 address as `[fd7a::1]`, and no port.";
      }
    ]
    ++ map (
      { path, text }:
      {
        assertion = isCalendar text;
        message = "${path}: `${text}` is no calendar. See systemd.time(7); `systemd-analyze calendar '${text}'` tries one.";
      }
    ) schedules
    ++ lib.mapAttrsToList (name: backend: {
      assertion =
        builtins.elem name presets
        || backend.preset != null
        || backend.bin != null
        || backend.settings ? bin;
      message = "${at "backends.${name}"}: it is not said what runs. Set `bin`, or `preset` to one of ${lib.concatStringsSep ", " presets}.";
    }) cfg.backends
    ++ lib.concatMap ofSession fleet.sessions
    ++ lib.concatMap ofAgent fleet.agents
    ++ lib.concatMap ofLoop fleet.loops;

    warnings =
      lib.concatMap (session: secrets "${pathOf session}.environment" session.environment) fleet.sessions
      ++ lib.concatLists (
        lib.mapAttrsToList (name: backend: secrets (at "backends.${name}.env") backend.env) cfg.backends
      )
      ++ lib.optional (
        cfg.web.firewallInterface != null && cfg.web.hostName == null
      ) "${at "web.firewallInterface"}: there is no virtual host to open a port for. Set `hostName`."
      ++ lib.concatMap ofClosed fleet.loops
      ++
        map
          (
            agent:
            "${pathOf agent}: it has `watch = \"none\"` and a calendar; if it dies, nothing is left to be woken."
          )
          (
            builtins.filter (agent: agent.watch == "none" && agent.wake.schedule or null != null) fleet.agents
          );
  };
}
