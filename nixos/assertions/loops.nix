# What of a loop cannot work, or waits for nobody.
{ config, lib, ... }:
let
  inherit (import ./common.nix { inherit lib config; })
    at
    cfg
    fleet
    pathOfLoop
    twice
    ;

  # Who is told and does not run, where others of the loop do.
  ofDeaf =
    loop:
    let
      handoff = fleet.handoffOf loop;
    in
    map
      (
        key:
        "${pathOfLoop loop}.handoff.${key}: `${handoff.${key}}` is to be told, and is disabled. Enable it, or name another."
      )
      (
        builtins.filter
          (
            key:
            handoff.${key} != null
            && !cfg.agents.${handoff.${key}}.enable or true
            && lib.any (agent: agent.enable) (fleet.agentsOf loop)
          )
          [
            "claimPings"
            "reviewPings"
          ]
      );

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
      # Nobody is told by guess.
      told =
        key: role:
        let
          found = map (agent: agent.name) (fleet.withRole loop role);
        in
        {
          assertion = agents != [ ] && loop.handoff.${key} == null -> builtins.length found == 1;
          message =
            if found == [ ] then
              "${path}.handoff.${key}: none of its agents has the role `${role}`. Give one that role, or name here who is to be told."
            else
              "${path}.handoff.${key}: several of its agents have the role `${role}`: ${toString found}. Name here who is to be told.";
        };
      agents = fleet.agentsOf loop;
      ids = map (phase: phase.id) loop.phases;
    in
    [
      (pings "claimPings")
      (pings "reviewPings")
      (told "claimPings" "adversary")
      (told "reviewPings" "builder")
      {
        assertion = agents != [ ];
        message = "${path}: no agent works it. Set `kind = \"loop\"${
          lib.optionalString (loop.name != null) "; loop = \"${loop.name}\";"
        }` of ${at "agents"}.";
      }
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
    assertions = lib.concatMap ofLoop fleet.loops;
    warnings = lib.concatMap ofDeaf fleet.loops;
  };
}
