# A switch to a changed configuration: agents go on, what is new starts, what is gone ends.
import ./common/scenario.nix {
  scenarios = [ "module-switch" ];
  extra =
    { lib, ... }:
    {
      specialisation.changed.configuration.services.agentOrchestrator =
        let
          changed = import ./common/changed.nix;
        in
        {
          agents = lib.mkForce changed.agents;
        };
    };
}
