# The fleet of fleet.nix after a rebuild: another bound, another prompt, an agent more and an agent less.
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
    eve = {
      dir = "eve";
      prompt = "begin";
    };
  };
}
