# A switch that turns the module off ends all of the fleet; one that turns it on again brings back what ran.
import ./common/scenario.nix {
  scenarios = [ "module-off" ];
  extra =
    { lib, ... }:
    {
      specialisation.off.configuration.services.agentOrchestrator.enable = lib.mkForce false;
    };
}
