# What several parts of the module need to know of the configured fleet.
{ lib, cfg }:
let
  named = lib.mapAttrsToList (name: entry: entry // { inherit name; });
in
rec {
  # Whether a path is a folder or lies in it.
  isBelow = folder: path: path == folder || lib.hasPrefix "${folder}/" path;

  # What an option is called in agents.toml: fooBar → foo_bar
  keyName = lib.stringAsChars (
    character:
    if builtins.match "[A-Z]" character == null then character else "_${lib.toLower character}"
  );

  /*
    Agents and services, each with its name: what has a session of its own.
    Enabled or not: a disabled one may still run when the unit files change.
  */
  sessions = agents ++ named cfg.services;

  agents = named cfg.agents;
  enabledAgents = builtins.filter (agent: agent.enable) agents;

  # Calendars of agents, enabled or not, each with its option.
  calendars = lib.concatMap (
    agent:
    let
      path = "services.agentOrchestrator.agents.${agent.name}";
    in
    builtins.filter ({ text, ... }: text != null) [
      {
        path = "${path}.schedule";
        text = agent.schedule;
      }
      {
        path = "${path}.wake.schedule";
        text = agent.wake.schedule or null;
      }
    ]
  ) agents;

  # Loops, each with its name, which is null for the only one.
  loops = lib.optional (cfg.loop != null) (cfg.loop // { name = null; }) ++ named cfg.loops;

  # The agents that work a loop, and those of them with a role.
  agentsOf =
    loop:
    builtins.filter (
      agent: agent.kind == "loop" && (agent.loop == null || agent.loop == loop.name)
    ) agents;
  withRole = loop: role: builtins.filter (agent: agent.role == role) (agentsOf loop);

  # The program's own defaults are agents of these names, whichever loop is theirs.
  handoffOf =
    loop:
    let
      orElse = value: default: if value == null then default else value;
      only =
        role:
        let
          found = withRole loop role;
        in
        if builtins.length found == 1 then (lib.head found).name else null;
      reviewPings = orElse loop.handoff.reviewPings (only "builder");
    in
    loop.handoff
    // {
      inherit reviewPings;
      claimPings = orElse loop.handoff.claimPings (only "adversary");
      # The project's folder is no clone, the builder's is one.
      repo = orElse loop.handoff.repo cfg.agents.${toString reviewPings}.dir or null;
    };

  # A folder's whole path, as systemd compares them.
  whole =
    path:
    let
      parts = builtins.filter (part: part != "" && part != ".") (lib.splitString "/" path);
      start = if lib.hasPrefix "/" path then "" else lib.removeSuffix "/" cfg.projectDir;
    in
    lib.concatStringsSep "/" ([ start ] ++ parts);

  # The folder of an agent or service.
  dirOf = session: whole session.dir;

  backendOf = agent: if agent.backend == null then cfg.defaults.backend else agent.backend;

  # What of a unit's confinement lets it write in these folders, as far as it sees them; missing ones are left out.
  writable =
    paths:
    let
      inherit (lib.partition isHome (lib.unique paths)) right wrong;
      setting = map (path: word "-${path}");
    in
    {
      ReadWritePaths = setting wrong;
    }
    // lib.optionalAttrs (right != [ ]) {
      # Of all homes it sees these folders only.
      ProtectHome = lib.mkDefault "tmpfs";
      BindPaths = setting right;
    };

  # Whether `ProtectHome=` hides it.
  isHome =
    path:
    lib.any (folder: isBelow folder path) [
      "/home"
      "/root"
      "/run/user"
    ];

  # Whether only the host itself reaches it.
  isLoopback = address: lib.hasPrefix "127." address || address == "[::1]";

  # Whether `PrivateTmp=` hides it.
  isTemporary =
    path:
    lib.any (folder: isBelow folder path) [
      "/tmp"
      "/var/tmp"
    ];

  # The package's units and folders are made for this user and group.
  user = "agent-orchestrator";
  group = "agent-orchestrator";

  # A text of the package's, with another name in it.
  renamed =
    name: other: text:
    if lib.hasInfix name text then
      lib.replaceStrings [ name ] [ other ] text
    else
      throw "services.agentOrchestrator: the package's files do not say `${name}` any more";

  # What a unit has to say when they have other names.
  identity =
    lib.optionalAttrs (cfg.user != user) { User = lib.mkDefault cfg.user; }
    // lib.optionalAttrs (cfg.group != group) {
      Group = lib.mkDefault cfg.group;
      SupplementaryGroups = [
        ""
        cfg.group
      ];
    };

  # Names of the options that are of a session's unit only.
  unitOptions =
    builtins.attrNames
      (import ./options/unit.nix { inherit lib; } { config = { }; }).options;

  # Files of variables of a unit; where there are none the setting is left out: an empty one would drop all others.
  environmentFiles =
    files:
    let
      all = lib.remove null files;
    in
    lib.optionalAttrs (all != [ ]) { EnvironmentFile = map literal all; };

  # A text in which systemd sees no specifier.
  literal = lib.replaceStrings [ "%" ] [ "%%" ];

  # A path as one word.
  word =
    path:
    if builtins.match "[^[:space:]\"'\\]*" path == null then
      builtins.toJSON (literal path)
    else
      literal path;

  limitsConfig =
    limits:
    lib.mapAttrs (_: lib.mkDefault) (
      lib.filterAttrs (_: value: value != null) {
        MemoryHigh = limits.memoryHigh;
        MemoryMax = limits.memoryMax;
        CPUWeight = limits.cpuWeight;
        CPUQuota = limits.cpuQuota;
        IOWeight = limits.ioWeight;
        TasksMax = limits.tasksMax;
      }
    );
}
