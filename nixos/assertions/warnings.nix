# What is odd, and allowed.
{ config, lib, ... }:
let
  inherit (import ./common.nix { inherit lib config; })
    at
    cfg
    fleet
    pathOf
    pathOfLoop
    ;

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
in
{
  config = lib.mkIf cfg.enable {
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
