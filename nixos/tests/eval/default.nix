# All tests of the module that need nothing but nixpkgs' `lib`: how many there are, what failed, and what they looked at.
{
  lib,
  # The README's blocks of Nix, where they were read: none, or a list.
  blocks ? [ ],
}:
let
  configure = import ./evaluate.nix { inherit lib; };
  evaluate =
    services:
    configure [
      ../common/users.nix
      { services.agentOrchestrator = services; }
    ];
  render = import ./render.nix { inherit lib; };
  fleets =
    lib.mapAttrs (_: evaluate) (import ./fleets.nix)
    // lib.optionalAttrs (blocks != [ ]) {
      readme = configure [ readme.configuration ];
    };

  text = config: config.services.agentOrchestrator.configFile.source.text;
  build = config: {
    text = text config;
    inherit (config.services.agentOrchestrator.configFile) script;
  };
  toml = config: fromTOML (text config);
  # Of a fleet's files those that the machine's are not.
  different =
    config:
    lib.filterAttrs (path: text: (render fleets.machine).${path} or null != text) (render config);
  agent = config: name: lib.findFirst (one: one.name == name) null (toml config).agent;
  session = config: name: config.systemd.services."agent-orchestrator-session@${name}";

  complaints =
    config: map (one: one.message) (builtins.filter (one: !one.assertion) config.assertions);
  isRefused =
    configuration:
    !(builtins.tryEval (builtins.deepSeq (render (evaluate configuration)) true)).success;
  withExample =
    change:
    lib.mkMerge [
      (import ./fleets.nix).example
      change
    ];

  wrong = lib.mapAttrs' (
    name:
    { change, said }:
    lib.nameValuePair "test refused: ${name}" {
      expr = builtins.filter (complaint: complaint == said) (complaints (evaluate (withExample change)));
      expected = [ said ];
    }
  ) (import ./wrong.nix { inherit lib; });

  options = import ./options.nix { inherit lib; };
  flake = import ./flake.nix { inherit lib configure; };
  readme = import ./readme.nix { inherit lib blocks flake; };

  tests =
    wrong
    // import ./calendars.nix { inherit lib; }
    // flake.tests
    // lib.optionalAttrs (blocks != [ ]) readme.tests
    // options.tests
    // import ./rebuild.nix { inherit lib evaluate; }
    // import ./state.nix { inherit lib evaluate; }
    // import ./keys.nix {
      inherit
        lib
        evaluate
        complaints
        toml
        ;
      inherit (options) names;
    }
    // import ./every.nix {
      inherit
        lib
        fleets
        toml
        complaints
        ;
    }
    // import ./types.nix { inherit lib isRefused withExample; }
    // import ./example.nix {
      inherit
        lib
        fleets
        toml
        agent
        session
        ;
    }
    // import ./full.nix {
      inherit
        lib
        fleets
        toml
        agent
        session
        ;
    }
    // import ./overrides.nix {
      inherit
        lib
        evaluate
        configure
        withExample
        ;
    }
    // import ./warnings.nix {
      inherit
        lib
        evaluate
        configure
        withExample
        ;
    };
in
{
  count = builtins.length (builtins.attrNames tests);
  failed = lib.runTests tests;
  # What a checker of agents.toml is given, and what a Debian machine boots.
  configs = lib.mapAttrs (_: build) fleets;
  # What must not get into a system, with the words that the build says.
  refused = lib.mapAttrs (said: change: build (evaluate (withExample change)) // { inherit said; }) {
    "unknown key `bogus`" = {
      settings.watchdog.bogus = 1;
    };
    "active_re" = {
      backends.claude.settings.active_re = "(";
    };
    "error: services.agentOrchestrator.agents.orchestrator.wake.schedule: `99:99` names" = {
      agents.orchestrator.wake.schedule = lib.mkForce "99:99";
    };
    "error: services.agentOrchestrator.agents.upgrader.schedule: `Sun 02:00 Europe/Berln` names" = {
      agents.upgrader.schedule = lib.mkForce "Sun 02:00 Europe/Berln";
    };
  };
  rendered = {
    machine = render fleets.machine;
    changed = render fleets.changed;
    home = different fleets.home;
    moved = different fleets.moved;
  };
  inherit (flake) scripts;
  # What the README tells.
  options = options.told;
}
