# What cannot work, each with its cure, and what is odd.
{
  imports = [
    ./agents.nix
    ./fleet.nix
    ./keys.nix
    ./loops.nix
    ./programs.nix
    ./warnings.nix
    ./web.nix
  ];
}
