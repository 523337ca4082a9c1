# The fleet that says everything.
{
  lib,
  fleets,
  toml,
  agent,
  session,
}:
let
  inherit (fleets) full;
in
{
  "test full: every key of an agent has its name in agents.toml" = {
    expr = agent full "builder";
    expected = {
      account = "second";
      backend = "claude";
      control = "observe";
      dir = "builder";
      enabled = true;
      kind = "loop";
      loop = "frontend";
      model = "opus";
      name = "builder";
      resume = false;
      resume_prompt = "Go on.";
      role = "builder";
      session = "b";
      watch = "heal+stall";
    };
  };
  "test full: tasks, wakes and disabled agents" = {
    expr = {
      tidy = agent full "tidy";
      lead = agent full "lead";
      timers = lib.attrNames full.systemd.timers;
    };
    expected = {
      tidy = {
        dir = ".";
        enabled = true;
        kind = "task";
        model = "haiku";
        name = "tidy";
        prompt_file = "/srv/proj/tidy.md";
        schedule = "Mon..Fri *-*-* 02:30:00 Europe/Berlin";
      };
      lead = {
        control = "operate";
        dir = ".";
        enabled = false;
        kind = "persistent";
        name = "lead";
        prompt = "Look after the others.";
        wake = {
          interval = 1800;
          prompt_file = "/srv/proj/wake.md";
        };
      };
      timers = [ "agent-orchestrator-run@tidy" ];
    };
  };
  "test full: loops" = {
    expr = map (loop: removeAttrs loop [ "phases" ]) (toml full).loop;
    expected = [
      {
        handoff = {
          claim_pings = "critic";
          repo = "writer";
          review_pings = "writer";
        };
        name = "backend";
        roles_dir = "/usr/share/agent-orchestrator/prompts";
      }
      {
        auto_advance = false;
        done_marker = "## DONE";
        done_source = "worktree";
        handoff = {
          branch = "main";
          claim_pattern = "^claim";
          claim_pings = "adversary";
          inboxes = [ "ADVERSARY-INBOX.md" ];
          repo = "builder";
          review_pattern = "^review";
          review_pings = "builder";
          state_subdir = ".";
        };
        name = "frontend";
        on_complete = {
          run = "tidy";
          trigger_file = ".done";
        };
        review_rounds_max = 3;
        roles_dir = "prompts";
      }
    ];
  };
  "test full: backends, services, bounds and the end's word" = {
    expr = removeAttrs (toml full) [
      "agent"
      "loop"
    ];
    expected = {
      backend = {
        claude = {
          bin = "/opt/claude/bin/claude";
          flags = "--permission-mode acceptEdits";
          stall_idle = 900;
        };
        mine = {
          account = "team";
          bin = "/opt/mine/bin/mine --go";
          env.MINE_HOME = "/srv/home/mine";
          flags = "--quiet";
          stall_idle = 600;
        };
      };
      defaults = {
        backend = "mine";
        log_dir = "/srv/logs";
        model = "sonnet";
        project_dir = "/srv/proj";
        resume = true;
        session_prefix = "shop-";
        watch = "heal";
      };
      notify.command = [
        "/usr/bin/logger"
        "--tag"
        "fleet"
      ];
      service = [
        {
          command = "npm run dev";
          dir = "site";
          enabled = true;
          name = "site";
          session = "site";
        }
      ];
      watchdog = {
        draft_alarm = 600;
        stall_grace = 300;
      };
    };
  };
  "test full: the token of a webhook is the supervisor's" = {
    expr = full.systemd.services.agent-orchestrator.serviceConfig.EnvironmentFile;
    expected = [ "/run/secrets/notify.env" ];
  };
  "test full: a session's unit" = {
    expr = removeAttrs (session full "builder").serviceConfig [ "ReadWritePaths" ];
    expected = {
      CPUQuota = "200%";
      CPUWeight = 50;
      EnvironmentFile = [
        "/run/secrets/agents.env"
        "/run/secrets/builder.env"
      ];
      Group = "fleet";
      IOWeight = 20;
      LoadCredential = [ "key:/run/secrets/key" ];
      MemoryHigh = "6G";
      MemoryMax = "8G";
      PrivateNetwork = true;
      ProtectHome = "tmpfs";
      SupplementaryGroups = [
        ""
        "fleet"
      ];
      TasksMax = 4096;
    };
  };
  "test full: systemd is asked for the calendar, and the zone is looked up" = {
    expr = lib.hasInfix "systemd-analyze calendar 'Mon..Fri *-*-* 02:30:00' >/dev/null && test -f \"$zones\"/Europe/Berlin;" full.services.agentOrchestrator.configFile.script;
    expected = true;
  };
  "test full: users and groups" = {
    expr = {
      user = full.users.users.agent-orchestrator.group;
      home = full.users.users.agent-orchestrator.home;
      inherit (full.users.groups.fleet) members;
      slice = full.systemd.slices.agent-orchestrator.sliceConfig;
    };
    expected = {
      user = "fleet";
      home = "/srv/home";
      members = [ "carol" ];
      slice.MemoryMax = "90%";
    };
  };
}
