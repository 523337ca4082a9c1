# The smallest fleet, and the one that the README shows.
{
  lib,
  fleets,
  toml,
  agent,
  session,
}:
let
  inherit (fleets) minimal example loops;
in
{
  "test minimal: a prompt and a program are there" = {
    expr = toml minimal;
    expected = {
      agent = [
        {
          dir = ".";
          enabled = true;
          kind = "persistent";
          name = "assistant";
          prompt_file = "/usr/share/agent-orchestrator/prompts/assistant.md";
        }
      ];
      backend.claude.bin = "/opt/claude/bin/claude";
      defaults = {
        backend = "claude";
        log_dir = "/var/log/agent-orchestrator";
        project_dir = "/srv/proj";
        session_prefix = "agent-";
        watch = "heal";
      };
    };
  };
  "test minimal: nothing listens and nothing is timed" = {
    expr = {
      inherit (minimal.services.nginx) enable;
      inherit (minimal.systemd) timers;
      sysctl = minimal.boot.kernel.sysctl;
      inherit (minimal.networking.firewall) interfaces;
      web = minimal.systemd.services.agent-orchestrator-web.enable;
    };
    expected = {
      enable = false;
      timers = { };
      sysctl = { };
      interfaces = { };
      web = false;
    };
  };
  "test example: a loop agent's role is its name" = {
    expr = (agent example "builder").role;
    expected = "builder";
  };
  "test example: who works a loop is healed of silence, who rests is not" = {
    expr = lib.listToAttrs (
      map (one: lib.nameValuePair one.name (one.watch or (toml example).defaults.watch))
        (toml example).agent
    );
    expected = {
      adversary = "heal+stall";
      builder = "heal+stall";
      orchestrator = "heal";
      upgrader = "heal";
    };
  };
  "test example: a loop's readers are its agents" = {
    expr = (toml example).loop.handoff;
    expected = {
      claim_pings = "adversary";
      repo = "builder";
      review_pings = "builder";
    };
  };
  "test loops: each has its own readers, clone and agents" = {
    expr = {
      loops = map (loop: { inherit (loop) name handoff; }) (toml loops).loop;
      agents = map (one: { inherit (one) name loop enabled; }) (toml loops).agent;
    };
    expected = {
      loops = [
        {
          name = "one";
          handoff = {
            claim_pings = "adversary";
            repo = "one/builder";
            review_pings = "builder";
          };
        }
        {
          name = "two";
          handoff = {
            claim_pings = "second-adversary";
            repo = "two/builder";
            review_pings = "second-builder";
          };
        }
      ];
      agents = [
        {
          name = "adversary";
          loop = "one";
          enabled = true;
        }
        {
          name = "builder";
          loop = "one";
          enabled = true;
        }
        {
          name = "second-adversary";
          loop = "two";
          enabled = true;
        }
        {
          name = "second-builder";
          loop = "two";
          enabled = true;
        }
      ];
    };
  };
  "test example: prompts and roles are the package's" = {
    expr = {
      roles = (toml example).loop.roles_dir;
      orchestrator = (agent example "orchestrator").prompt_file;
      wake = (agent example "orchestrator").wake.prompt_file;
      upgrader = (agent example "upgrader").prompt_file;
    };
    expected = {
      roles = "/usr/share/agent-orchestrator/prompts";
      orchestrator = "/usr/share/agent-orchestrator/prompts/orchestrator.md";
      wake = "/usr/share/agent-orchestrator/prompts/wake.md";
      upgrader = "/usr/share/agent-orchestrator/prompts/upgrader.md";
    };
  };
  "test example: the package has them" = {
    expr = builtins.filter (name: !builtins.pathExists (../../../prompts + "/${name}.md")) [
      "adversary"
      "assistant"
      "builder"
      "orchestrator"
      "upgrader"
      "wake"
    ];
    expected = [ ];
  };
  "test example: calendars are timers" = {
    expr = lib.mapAttrs (_: timer: {
      inherit (timer.timerConfig) OnCalendar Persistent;
      inherit (timer) wantedBy partOf;
    }) example.systemd.timers;
    expected = {
      "agent-orchestrator-wake@orchestrator" = {
        OnCalendar = "hourly";
        Persistent = true;
        wantedBy = [ "agent-orchestrator.target" ];
        partOf = [ "agent-orchestrator.target" ];
      };
      "agent-orchestrator-run@upgrader" = {
        OnCalendar = "Sun 02:00 UTC";
        Persistent = true;
        wantedBy = [ "agent-orchestrator.target" ];
        partOf = [ "agent-orchestrator.target" ];
      };
    };
  };
  "test example: one address, one port, one interface" = {
    expr = {
      inherit (example.services.nginx.virtualHosts."oc.example.net") listenAddresses;
      inherit (example.services.nginx.virtualHosts."oc.example.net".locations."/")
        proxyPass
        proxyWebsockets
        ;
      inherit (example.networking.firewall.interfaces.tailscale0) allowedTCPPorts;
      after = example.systemd.services.nginx.after;
      late = example.boot.kernel.sysctl."net.ipv4.ip_nonlocal_bind";
      buffered =
        !lib.hasInfix "proxy_buffering off;"
          example.services.nginx.virtualHosts."oc.example.net".locations."/".extraConfig;
    };
    expected = {
      listenAddresses = [ "100.64.0.5" ];
      proxyPass = "http://127.0.0.1:4096";
      proxyWebsockets = true;
      allowedTCPPorts = [
        80
        443
      ];
      after = [ "systemd-sysctl.service" ];
      late = 1;
      buffered = false;
    };
  };
  "test example: secrets are files that systemd reads" = {
    expr = {
      agent = (session example "builder").serviceConfig.EnvironmentFile;
      web = example.systemd.services.agent-orchestrator-web.serviceConfig.EnvironmentFile;
    };
    expected = {
      agent = [ "/run/secrets/agents.env" ];
      # The first takes the package's away.
      web = [
        ""
        "/run/secrets/agents.env"
        "/run/secrets/web.env"
      ];
    };
  };
  "test example: an agent writes in its own folder only" = {
    expr = (session example "builder").serviceConfig.ReadWritePaths;
    expected = [
      "-/srv/proj/builder"
      "-/var/lib/agent-orchestrator/home"
      "-/var/log/agent-orchestrator"
    ];
  };
  "test example: folders that are there are left as they are" = {
    expr = example.systemd.tmpfiles.settings.agent-orchestrator."/srv/proj/builder".d;
    expected = {
      mode = ":0750";
      user = ":agent-orchestrator";
      group = ":agent-orchestrator";
      age = "-";
      argument = "";
    };
  };
}
