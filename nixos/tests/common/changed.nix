# The fleet of fleet.nix after a rebuild: another bound, another prompt, an agent more, an agent less, two that are disabled.
let
  fleet = import ./fleet.nix;
in
fleet
// {
  agents = removeAttrs fleet.agents [ "bob" ] // {
    ada = fleet.agents.ada // {
      prompt = "begin anew";
      environment.GREETING = "good bye";
      limits = fleet.agents.ada.limits // {
        tasksMax = 400;
      };
    };
    dora = fleet.agents.dora // {
      enable = false;
    };
    upgrader = fleet.agents.upgrader // {
      enable = false;
    };
    eve = {
      dir = "eve";
      prompt = "begin";
    };
  };
}
