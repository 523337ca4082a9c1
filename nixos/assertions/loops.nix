# What of a loop cannot work.
{ config, lib, ... }:
let
  inherit (import ./common.nix { inherit lib config; })
    at
    cfg
    fleet
    pathOfLoop
    twice
    ;

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
  config = lib.mkIf cfg.enable { assertions = lib.concatMap ofLoop fleet.loops; };
}
