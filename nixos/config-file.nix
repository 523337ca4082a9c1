# agents.toml, accepted by the program itself before it gets into a system.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.agentOrchestrator;
  fleet = import ./fleet.nix { inherit lib cfg; };
  toml = pkgs.formats.toml { };

  keys = lib.mapAttrs' (name: lib.nameValuePair (fleet.keyName name));

  # What is said nowhere has no key: the program's own default holds. An empty table says nothing either.
  said =
    value:
    if lib.isAttrs value && !lib.isDerivation value then
      lib.filterAttrs (_: inner: inner != null && inner != { }) (lib.mapAttrs (_: said) value)
    else if lib.isList value then
      map said value
    else
      value;

  ofUnit = fleet.unitOptions;
  entry =
    values:
    keys (
      removeAttrs values (
        ofUnit
        ++ [
          "enable"
          "settings"
        ]
      )
    )
    // {
      enabled = values.enable;
    };

  agentEntry =
    agent:
    entry agent // { wake = if agent.wake == null then null else keys agent.wake; } // agent.settings;

  backendEntry =
    backend:
    keys (
      removeAttrs backend [
        "package"
        "settings"
      ]
    )
    // backend.settings;

  loopEntry =
    loop:
    keys (removeAttrs loop [ "settings" ])
    // {
      handoff = keys (fleet.handoffOf loop);
      on_complete = keys loop.onComplete;
    }
    // loop.settings;

  loops = map loopEntry fleet.loops;

  settings = lib.filterAttrs (_: value: value != [ ]) (
    lib.recursiveUpdate (said {
      defaults = cfg.defaults // {
        session_prefix = cfg.sessionPrefix;
        log_dir = cfg.logDir;
        project_dir = cfg.projectDir;
      };
      agent = map agentEntry fleet.agents;
      service = map entry (builtins.filter (session: session ? command) fleet.sessions);
      backend = lib.mapAttrs (_: backendEntry) cfg.backends;
      loop = if cfg.loop != null then lib.head loops else loops;
      inherit (cfg) watchdog;
      notify = if cfg.notify.command == [ ] then null else { inherit (cfg.notify) command; };
    }) (said cfg.settings)
  );

  inherit (import ./calendar.nix { inherit lib; }) partsOf;
  calendars = map (found: found // partsOf found.text) fleet.calendars;
  refusal =
    { path, text, ... }:
    lib.escapeShellArg "${path}: `${text}` names a time that systemd does not take, or a zone that is not there (`timedatectl list-timezones`).";
  isGood =
    { calendar, zone, ... }:
    "systemd-analyze calendar ${lib.escapeShellArg calendar} >/dev/null"
    # systemd knows this one without a table, in any case.
    + lib.optionalString (
      zone != null && lib.toUpper zone != "UTC"
    ) " && test -f \"$zones\"/${lib.escapeShellArg zone}";

  checked =
    pkgs.runCommand "agents.toml"
      {
        # Calendars are read by systemd, all else by the program.
        nativeBuildInputs = [
          cfg.package
          pkgs.systemd
        ];
        source = toml.generate "agents.toml" settings;
        zones = "${pkgs.tzdata}/share/zoneinfo";
      }
      ''
        refuse() { echo "error: $1" >&2; exit 1; }
        ${lib.concatMapStrings (one: ''
          { ${isGood one}; } || refuse ${refusal one}
        '') calendars}
        cp "$source" agents.toml
        agent-orchestrator --config agents.toml check --files-below ${builtins.storeDir}
        cp agents.toml "$out"
      '';
in
{
  config = lib.mkIf cfg.enable {
    services.agentOrchestrator.configFile =
      if pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform then
        checked
      else
        toml.generate "agents.toml" settings;

    # A name that stays: it is what the fleet is known by, and what the verbs read.
    environment.etc."agent-orchestrator/agents.toml".source = cfg.configFile;
  };
}
