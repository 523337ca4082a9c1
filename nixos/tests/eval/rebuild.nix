# What a rebuild does, as the README tells: whose files it changes, and what NixOS does about that.
{ lib, evaluate }:
let
  render = import ./render.nix { inherit lib; };
  before = {
    enable = true;
    projectDir = "/srv/proj";
    agents = {
      ada = {
        prompt = "begin";
        wake.schedule = "hourly";
      };
      bob.prompt = "begin";
    };
    web = {
      enable = true;
      environmentFile = "/run/secrets/web.env";
    };
  };
  files = services: render (evaluate services);
  old = files before;

  unitOf = path: lib.removeSuffix ".d/overrides.conf" (lib.removePrefix "etc/systemd/system/" path);
  # What is gone is stopped, also an instance whose drop-in is gone and whose template is still there.
  done =
    new: path:
    if !(new ? ${path}) then
      # Without its drop-in the package's own would run, if that is not put out of the way.
      if
        builtins.pathExists (../../../src/units + "/${unitOf path}")
        && new."etc/systemd/system/${unitOf path}" or "" != "→ /dev/null"
      then
        "restarted"
      else if lib.hasInfix "X-StopOnRemoval=false" old.${path} then
        "left alone"
      else
        "stopped"
    else if lib.hasInfix "X-RestartIfChanged=false" new.${path} then
      "left alone"
    else if !(old ? ${path}) then
      "started"
    else
      "restarted";

  # What becomes of units. That of the supervisor has agents.toml as its trigger, whose name is always the same here.
  effects =
    after:
    let
      new = files after;
      changed = builtins.filter (path: old.${path} or null != new.${path} or null) (
        lib.attrNames (old // new)
      );
      units = builtins.filter (
        path: lib.hasPrefix "etc/systemd/system/" path && !(lib.hasPrefix "→ " (new.${path} or old.${path}))
      ) changed;
    in
    lib.listToAttrs (map (path: lib.nameValuePair (unitOf path) (done new path)) units)
    // lib.optionalAttrs (builtins.elem "etc/agent-orchestrator/agents.toml" changed) {
      supervisor = "reloaded";
    };
  with' = lib.recursiveUpdate before;
  ada = "agent-orchestrator-session@ada.service";
  bob = "agent-orchestrator-session@bob.service";
  eve = "agent-orchestrator-session@eve.service";
  wake = "agent-orchestrator-wake@ada.timer";
in
lib.mapAttrs'
  (
    name:
    { after, expected }:
    lib.nameValuePair "test rebuild: ${name}" {
      expr = effects after;
      inherit expected;
    }
  )
  {
    "nothing" = {
      after = before;
      expected = { };
    };
    "a prompt" = {
      after = with' { agents.ada.prompt = "begin anew"; };
      expected.supervisor = "reloaded";
    };
    "a model" = {
      after = with' { agents.ada.model = "opus"; };
      expected.supervisor = "reloaded";
    };
    "a bound of the supervisor" = {
      after = with' { watchdog.max_starting = 2; };
      expected.supervisor = "reloaded";
    };
    "limits" = {
      after = with' { agents.ada.limits.memoryMax = "1G"; };
      expected.${ada} = "left alone";
    };
    "a secret" = {
      after = with' { agents.ada.environmentFile = "/run/secrets/ada.env"; };
      expected.${ada} = "left alone";
    };
    # Besides, its unit is another: it is restarted, and adopts its agents.
    "a file of the command that is told" = {
      after = with' {
        notify = {
          command = [ "/usr/bin/logger" ];
          environmentFile = "/run/secrets/notify.env";
        };
      };
      expected = {
        "agent-orchestrator.service" = "restarted";
        supervisor = "reloaded";
      };
    };
    "a folder" = {
      after = with' { agents.ada.dir = "ada"; };
      expected = {
        ${ada} = "left alone";
        supervisor = "reloaded";
      };
    };
    "a new agent" = {
      after = with' { agents.eve.prompt = "begin"; };
      expected = {
        # NixOS starts no instance; the supervisor does.
        ${eve} = "left alone";
        supervisor = "reloaded";
      };
    };
    "an agent that is removed" = {
      after = before // {
        agents = removeAttrs before.agents [ "bob" ];
      };
      expected = {
        ${bob} = "left alone";
        supervisor = "reloaded";
      };
    };
    "an agent that is disabled" = {
      after = with' { agents.ada.enable = false; };
      expected = {
        ${wake} = "stopped";
        supervisor = "reloaded";
      };
    };
    "another folder for the state" = {
      after = with' { stateDir = "/data/fleet"; };
      expected = {
        # It is mounted when all of the fleet starts.
        "agent-orchestrator-state.service" = "left alone";
        "agent-orchestrator-wake@.service" = "left alone";
        "agent-orchestrator-run@.service" = "left alone";
      };
    };
    "a calendar" = {
      after = with' { agents.ada.wake.schedule = "daily"; };
      expected = {
        ${wake} = "restarted";
        supervisor = "reloaded";
      };
    };
    "a calendar that is removed" = {
      after = with' { agents.ada.wake = null; };
      expected = {
        ${wake} = "stopped";
        supervisor = "reloaded";
      };
    };
    "a page's port" = {
      after = with' { web.port = 5000; };
      expected."agent-orchestrator-web.service" = "left alone";
    };
    "a page that is switched off" = {
      after = with' { web.enable = false; };
      expected."agent-orchestrator-web.service" = "stopped";
    };
    # The supervisor's own unit is the package's: its `ExecStart=` is another, so it is restarted besides.
    "the package" = {
      after = with' {
        package = {
          type = "derivation";
          name = "agent-orchestrator";
          outPath = "/opt";
        };
      };
      expected = {
        ${ada} = "left alone";
        ${bob} = "left alone";
        supervisor = "reloaded";
      };
    };
  }
