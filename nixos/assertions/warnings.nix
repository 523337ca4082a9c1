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
  # What the supervisor reads and writes itself; what is no text comes from the store.
  entered = [
    {
      option = at "logDir";
      path = cfg.logDir;
    }
  ]
  ++ lib.concatMap (loop: [
    {
      option = "${pathOfLoop loop}.handoff.repo";
      path = (fleet.handoffOf loop).repo;
    }
    {
      option = "${pathOfLoop loop}.rolesDir";
      path = loop.rolesDir;
    }
    {
      option = "${pathOfLoop loop}.kickoffTemplate";
      path = loop.kickoffTemplate;
    }
  ]) fleet.loops
  ++ lib.concatMap (agent: [
    {
      option = "${pathOf agent}.promptFile";
      path = agent.promptFile;
    }
    {
      option = "${pathOf agent}.wake.promptFile";
      path = agent.wake.promptFile or null;
    }
  ]) fleet.agents;
  ofClosed =
    { option, path }:
    let
      place = fleet.whole path;
      owner = closedBy place;
    in
    lib.optional (lib.isString path && fleet.isHome place && owner != null)
      "${option}: `${place}` lies in the home of `${toString owner}`, which the supervisor may not enter. Set users.users.${toString owner}.homeMode = \"711\", or choose a place elsewhere.";

  watchOf = agent: if agent.watch == null then cfg.defaults.watch else agent.watch;

  secrets =
    path: environment:
    map
      (
        name:
        "${path}.${name}: everybody on the host can read it. Put it into an environmentFile if it is a secret."
      )
      (
        builtins.filter (
          name:
          builtins.match "(.*(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)|(.*_)?PAT)" (
            lib.toUpper name
          ) != null
        ) (builtins.attrNames environment)
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
      ++
        lib.optional (cfg.web.hostName != null && fleet.isLoopback cfg.web.listenAddress)
          "${at "web.listenAddress"}: only the host itself reaches `${cfg.web.listenAddress}`. Set the address at which others do."
      ++ map (
        name:
        "${at "operators"}: there is no user `${name}`, whom the group would have. Define users.users.${name}, or correct the name."
      ) (builtins.filter (name: !(config.users.users ? ${name})) cfg.operators)
      ++ lib.concatMap ofClosed entered
      ++
        map
          (
            agent:
            "${pathOf agent}.user: `${agent.user}` has no home, where its program would keep login and conversations. Set users.users.${agent.user}.home and createHome, or isNormalUser."
          )
          (
            builtins.filter (
              agent: agent.user != null && config.users.users.${agent.user}.home or "" == "/var/empty"
            ) fleet.enabledAgents
          )
      ++
        map
          (
            agent:
            "${pathOf agent}: it has `watch = \"none\"` and a calendar; if it dies, nothing is left to be woken."
          )
          (
            builtins.filter (agent: watchOf agent == "none" && agent.wake.schedule or null != null) fleet.agents
          );
  };
}
