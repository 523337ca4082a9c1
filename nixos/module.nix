# services.agentOrchestrator: a fleet of supervised coding agents.
{
  imports = [
    ./options
    ./assertions
    ./config-file.nix
    ./security.nix
    ./sessions.nix
    ./state.nix
    ./supervisor.nix
    ./timers.nix
    ./web.nix
  ];

  meta.maintainers = [ ];
}
