# A switch to a project that lies in somebody's home.
import ./common/scenario.nix {
  scenarios = [ "module-home" ];
  extra =
    { lib, ... }:
    {
      users.users.alice.isNormalUser = true;
      specialisation.home.configuration.services.agentOrchestrator =
        let
          home = import ./common/home.nix;
        in
        {
          projectDir = lib.mkForce home.projectDir;
          agents = lib.mkForce home.agents;
        };
    };
}
