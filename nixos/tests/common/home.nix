# A fleet whose project lies in somebody's home.
let
  fleet = import ./fleet.nix;
in
fleet
// {
  projectDir = "/home/alice/fleet";
  agents = {
    inherit (fleet.agents) ada bob;
  };
}
