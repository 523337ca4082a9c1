# A state that lies elsewhere is mounted in its place, and nothing of the fleet is without it.
{ lib, evaluate }:
let
  configured =
    change:
    evaluate (
      {
        enable = true;
        projectDir = "/srv/proj";
        agents.ada = {
          dir = "ada";
          prompt = "begin";
        };
      }
      // change
    );
  usual = configured { };
  moved = configured { stateDir = "/data/the fleet"; };
  unit = "agent-orchestrator-state.service";
  state = moved.systemd.services.agent-orchestrator-state;
  folders = config: config.systemd.tmpfiles.settings.agent-orchestrator;
in
{
  "test state: in its usual place nothing is mounted" = {
    expr = usual.systemd.services ? agent-orchestrator-state;
    expected = false;
  };
  "test state: it is mounted where the program looks" = {
    expr = {
      inherit (state.serviceConfig) ExecStart ExecStop;
      inherit (state.unitConfig) RequiresMountsFor;
    };
    expected = {
      ExecStart = ''"/usr/bin/mount" "--bind" "/data/the fleet" "/var/lib/agent-orchestrator"'';
      ExecStop = ''"/usr/bin/umount" "--lazy" "/var/lib/agent-orchestrator"'';
      RequiresMountsFor = [ ''"/data/the fleet"'' ];
    };
  };
  "test state: whoever writes there needs it, and starts later" = {
    expr = {
      inherit (state) requiredBy;
      before = lib.subtractLists state.before state.requiredBy;
      asking = map (name: { inherit (moved.systemd.services.${name}) requires after; }) [
        "agent-orchestrator-wake@"
        "agent-orchestrator-run@"
      ];
    };
    expected = {
      requiredBy = [
        "agent-orchestrator.service"
        "agent-orchestrator-web.service"
      ];
      before = [ ];
      asking =
        let
          needs = {
            requires = [ unit ];
            after = [ unit ];
          };
        in
        [
          needs
          needs
        ];
    };
  };
  "test state: an agent only waits for it" = {
    expr = {
      before = builtins.elem "agent-orchestrator-session@ada.service" state.before;
      session = moved.systemd.services."agent-orchestrator-session@ada".requires;
    };
    expected = {
      before = true;
      session = [ ];
    };
  };
  "test state: its folders are made where they lie before that" = {
    expr = lib.mapAttrs (_: entry: "${entry.d.mode} ${entry.d.user}") (folders moved);
    expected = {
      "/data/the fleet" = ":0750 :agent-orchestrator";
      "/data/the fleet/home" = ":0700 :agent-orchestrator";
      "/srv/proj" = ":0750 :agent-orchestrator";
      "/srv/proj/ada" = ":0750 :agent-orchestrator";
      "/var/lib/agent-orchestrator" = ":0700 :root";
    };
  };
  "test state: and nowhere else" = {
    expr = builtins.filter (lib.hasInfix "/var/lib/") moved.systemd.tmpfiles.rules;
    expected = [ ];
  };
  "test state: the home has its name all the same" = {
    expr = {
      inherit (moved.users.users.agent-orchestrator) home;
      session = moved.systemd.services."agent-orchestrator-session@ada".environment.HOME;
    };
    expected = {
      home = "/var/lib/agent-orchestrator/home";
      session = "/var/lib/agent-orchestrator/home";
    };
  };
}
