# Values that their types refuse.
{
  lib,
  isRefused,
  withExample,
}:
lib.mapAttrs'
  (
    name: change:
    lib.nameValuePair "test no such value: ${name}" {
      expr = isRefused (withExample change);
      expected = true;
    }
  )
  {
    "an unknown option" = {
      agents.builder.modle = "opus";
    };
    "an unknown kind" = {
      agents.builder.kind = lib.mkForce "loops";
    };
    "a secret in the store" = {
      environmentFile = lib.mkForce "/nix/store/00000000000000000000000000000000-agents.env";
    };
    "a size without a unit that systemd knows" = {
      agents.builder.limits.memoryMax = "8 GB";
    };
    "a port that is none" = {
      web.port = 70000;
    };
    "a prefix that tmux does not take" = {
      sessionPrefix = "a:b";
    };
    "a loop without phases" = {
      loop.phases = lib.mkForce [ ];
    };
    "a relative state" = {
      stateDir = "state";
    };
    "a state in the store" = {
      stateDir = "/nix/store/00000000000000000000000000000000-state";
    };
    "a relative project" = {
      projectDir = lib.mkForce "proj";
    };
  }
