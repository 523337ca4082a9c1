# Configurations that must work.
let
  # A program that the host has without a package.
  claude.bin = "/opt/claude/bin/claude";
in
{
  minimal = {
    enable = true;
    projectDir = "/srv/proj";
    backends = { inherit claude; };
    agents.assistant = { };
  };

  # What the README shows, and a web part.
  example = {
    enable = true;
    projectDir = "/srv/proj";
    backends = { inherit claude; };
    agents = {
      builder = {
        kind = "loop";
        dir = "builder";
      };
      adversary = {
        kind = "loop";
        dir = "adversary";
      };
      orchestrator = {
        dir = "orchestrator";
        control = "operate";
        wake.schedule = "hourly";
      };
      upgrader = {
        kind = "task";
        dir = "upgrader";
        schedule = "Sun 02:00 UTC";
      };
    };
    loop.phases = [
      {
        id = "1";
        plan = "plans/1.md";
        status = "STATUS-1.md";
      }
    ];
    environmentFile = "/run/secrets/agents.env";
    web = {
      enable = true;
      environmentFile = "/run/secrets/web.env";
      hostName = "oc.example.net";
      listenAddress = "100.64.0.5";
      firewallInterface = "tailscale0";
    };
  };

  # Everything that can be said.
  full = {
    enable = true;
    group = "fleet";
    operators = [ "carol" ];
    stateDir = "/srv/state";
    homeDir = "/srv/home";
    projectDir = "/srv/proj";
    logDir = "/srv/logs";
    sessionPrefix = "shop-";
    defaults = {
      backend = "mine";
      watch = "heal";
      resume = true;
    };
    backends = {
      mine = {
        bin = "/opt/mine/bin/mine --go";
        flags = "--quiet";
        account = "team";
        env.MINE_HOME = "/srv/home/mine";
        settings.stall_idle = 600;
      };
      claude = claude // {
        flags = "--permission-mode acceptEdits";
      };
    };
    agents = {
      builder = {
        kind = "loop";
        loop = "frontend";
        role = "builder";
        dir = "builder";
        backend = "claude";
        model = "opus";
        account = "second";
        session = "b";
        resume = false;
        resumePrompt = "Go on.";
        watch = "heal+stall";
        control = "observe";
        environment.CARGO_TERM_COLOR = "never";
        environmentFile = "/run/secrets/builder.env";
        credentials.key = "/run/secrets/key";
        readWritePaths = [ "/srv/origin.git" ];
        limits = {
          memoryHigh = "6G";
          memoryMax = "8G";
          cpuWeight = 50;
          cpuQuota = "200%";
          ioWeight = 20;
          tasksMax = 4096;
        };
        serviceConfig.PrivateNetwork = true;
      };
      adversary = {
        kind = "loop";
        loop = "frontend";
        dir = "/srv/clones/adversary";
      };
      # Of the other loop: those who are told have roles of other names.
      writer = {
        kind = "loop";
        loop = "backend";
        role = "author";
        dir = "writer";
      };
      critic = {
        kind = "loop";
        loop = "backend";
        dir = "critic";
      };
      lead = {
        prompt = "Look after the others.";
        control = "operate";
        wake = {
          promptFile = "/srv/proj/wake.md";
          interval = 1800;
        };
        enable = false;
      };
      tidy = {
        kind = "task";
        promptFile = "/srv/proj/tidy.md";
        schedule = "Mon..Fri *-*-* 02:30:00 Europe/Berlin";
        model = "haiku";
      };
    };
    services.site = {
      command = "npm run dev";
      dir = "site";
      session = "site";
      limits.tasksMax = 100;
    };
    loops = {
      frontend = {
        phases = [
          {
            id = "1";
            plan = "plans/1.md";
            status = "STATUS-1.md";
            models.builder = "opus";
          }
        ];
        autoAdvance = false;
        rolesDir = "prompts";
        doneMarker = "## DONE";
        doneSource = "worktree";
        reviewRoundsMax = 3;
        handoff = {
          repo = "builder";
          branch = "main";
          stateSubdir = ".";
          claimPattern = "^claim";
          reviewPattern = "^review";
          claimPings = "adversary";
          reviewPings = "builder";
          inboxes = [ "ADVERSARY-INBOX.md" ];
        };
        onComplete = {
          run = "tidy";
          triggerFile = ".done";
        };
      };
      backend = {
        phases = [
          {
            id = "a";
            plan = "plans/a.md";
            status = "STATUS-a.md";
          }
        ];
        handoff = {
          claimPings = "critic";
          reviewPings = "writer";
        };
      };
    };
    watchdog.stall_grace = 300;
    notify = {
      command = [
        "/usr/bin/logger"
        "--tag"
        "fleet"
      ];
      environmentFile = "/run/secrets/notify.env";
    };
    environmentFile = "/run/secrets/agents.env";
    limits.memoryMax = "90%";
    sessionServiceConfig.ProtectHome = "tmpfs";
    web = {
      enable = true;
      port = 5000;
      environmentFile = "/run/secrets/web.env";
    };
    settings = {
      watchdog.draft_alarm = 600;
      defaults.model = "sonnet";
      backend.claude.stall_idle = 900;
    };
  };

  # Two loops on one host, each with agents of its own.
  loops =
    let
      agent = loop: role: {
        kind = "loop";
        inherit loop role;
        dir = "${loop}/${role}";
      };
      phases = [
        {
          id = "1";
          plan = "plans/1.md";
          status = "STATUS-1.md";
        }
      ];
    in
    {
      enable = true;
      projectDir = "/srv/proj";
      backends = { inherit claude; };
      agents = {
        builder = agent "one" "builder";
        adversary = agent "one" "adversary";
        second-builder = agent "two" "builder";
        second-adversary = agent "two" "adversary";
      };
      loops.one = { inherit phases; };
      loops.two = { inherit phases; };
    };

  # What a Debian machine boots, and the same after rebuilds.
  machine = import ../common/fleet.nix;
  changed = import ../common/changed.nix;
  home = import ../common/home.nix;
  moved = import ../common/fleet.nix // {
    stateDir = "/srv/state";
  };
}
