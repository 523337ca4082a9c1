# What of the fleet as a whole cannot work.
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
    presets
    twice
    ;

  names = map (session: session.name) fleet.sessions;
  sessionNames = map (
    entry: if entry.session == null then "${cfg.sessionPrefix}${entry.name}" else entry.session
  ) fleet.sessions;

  # The place of the state, the folder that is mounted there, and where agents and the web part write.
  place = options.services.agentOrchestrator.stateDir.default;
  state = lib.removeSuffix "/" cfg.stateDir;
  written =
    lib.concatMap (session: [ (fleet.dirOf session) ] ++ session.readWritePaths) fleet.sessions
    ++ lib.optional cfg.web.enable cfg.projectDir;
  writtenState = lib.findFirst (folder: fleet.isBelow folder state) null written;
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
        assertion = cfg.user != "root";
        message = "${at "user"}: agents run commands of their own, and as root nothing confines them. Leave the default, or name another.";
      }
      {
        assertion = cfg.notify.environmentFile != null -> cfg.notify.command != [ ];
        message = "${at "notify.environmentFile"}: there is nothing that would have it. Set ${at "notify.command"}.";
      }
      {
        assertion = cfg.stateDir != place -> !(fleet.isBelow place state || fleet.isBelow state place);
        message = "${at "stateDir"}: `${cfg.stateDir}` and `${place}`, where it is mounted, lie one in the other. Choose a folder elsewhere.";
      }
      {
        assertion = cfg.stateDir != place -> writtenState == null;
        message = "${at "stateDir"}: `${cfg.stateDir}` lies in `${toString writtenState}`, where agents write. Choose a folder elsewhere.";
      }
    ]
    ++ lib.mapAttrsToList (name: backend: {
      assertion = builtins.elem name presets || backend.preset != null || backend.bin != null;
      message = "${at "backends.${name}"}: it is not said what runs. Set `bin`, or `preset` to one of ${lib.concatStringsSep ", " presets}.";
    }) cfg.backends;
  };
}
