# A switch that moves the state: nothing is put over one that is in use, and a new start finds it mounted.
import ./common/scenario.nix {
  scenarios = [ "module-state" ];
  extra.specialisation.moved.configuration.services.agentOrchestrator.stateDir = "/srv/state";
}
