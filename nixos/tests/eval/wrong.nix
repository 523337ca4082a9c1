# Configurations that must be refused, each by what is changed in the example, with the words that must be said.
let
  phase = {
    id = "1";
    plan = "plans/1.md";
    status = "STATUS-1.md";
  };
  loop.phases = [ phase ];
in
{ lib }:
{
  "an empty fleet" = {
    change = {
      agents = lib.mkForce { };
      loop = lib.mkForce null;
    };
    said = "services.agentOrchestrator.agents: the fleet is empty. Add an agent.";
  };
  "a strange name" = {
    change.agents."a b".prompt = "x";
    said = "services.agentOrchestrator.agents.a b: a name is made of letters, digits, `_` and `-`, at most 64. Rename it.";
  };
  "one name for an agent and a service" = {
    change.services.builder.command = "true";
    said = "services.agentOrchestrator.services: there are agents of the same name: builder. Rename them.";
  };
  "one session for two" = {
    change.agents.builder.session = "agent-adversary";
    said = "services.agentOrchestrator.agents: these sessions have several owners: agent-adversary. Change `session` of one.";
  };
  "a loop with and loops without a name" = {
    change.loops.other = loop;
    said = "services.agentOrchestrator.loop and services.agentOrchestrator.loops are both set. Move the one into the others, under a name.";
  };
  "a loop agent without a loop" = {
    change.loop = lib.mkForce null;
    said = "services.agentOrchestrator.agents.builder.kind: there is no loop for it. Set services.agentOrchestrator.loop.phases, or another kind.";
  };
  "a loop agent that does not say which loop" = {
    change = {
      loop = lib.mkForce null;
      loops.one = loop;
      loops.two = loop;
    };
    said = "services.agentOrchestrator.agents.builder.loop: there are several loops. Name one of one, two.";
  };
  "an agent of a loop that is not there" = {
    change.agents.builder.loop = "other";
    said = "services.agentOrchestrator.agents.builder.loop: only an agent of kind `loop` has one, and it must be one of services.agentOrchestrator.loops. Correct or remove it.";
  };
  "an unknown backend" = {
    change.agents.builder.backend = "cloud";
    said = "services.agentOrchestrator.agents.builder.backend: there is no backend `cloud`. Define services.agentOrchestrator.backends.cloud, or use one of claude, codex, gemini, opencode.";
  };
  "a backend without a program" = {
    change.backends.mine.flags = "--x";
    said = "services.agentOrchestrator.backends.mine: it is not said what runs. Set `bin`, or `preset` to one of claude, codex, gemini, opencode.";
  };
  "two prompts" = {
    change.agents.orchestrator = {
      prompt = "x";
      promptFile = "/srv/x.md";
    };
    said = "services.agentOrchestrator.agents.orchestrator: `prompt` and `promptFile` are both set. Remove one of them.";
  };
  "no prompt" = {
    change.agents.helper = { };
    said = "services.agentOrchestrator.agents.helper: it is not said what it should do. Set `promptFile` or `prompt`, or `kind = \"loop\"` if it works the phases of a loop.";
  };
  "a prompt that is a role's" = {
    change.agents.builder.kind = lib.mkForce "persistent";
    said = "services.agentOrchestrator.agents.builder: it is not said what it should do. Set `promptFile` or `prompt`, or `kind = \"loop\"` if it works the phases of a loop.";
  };
  "a role of an agent of no loop" = {
    change.agents.orchestrator.role = "builder";
    said = "services.agentOrchestrator.agents.orchestrator.role: only an agent of kind `loop` has one. Set `kind = \"loop\"`, or remove it.";
  };
  "a calendar of an agent that is no task" = {
    change.agents.orchestrator.schedule = "daily";
    said = "services.agentOrchestrator.agents.orchestrator.schedule: only a task is run by a calendar. Set `kind = \"task\"`, or use `wake.schedule`.";
  };
  "a wake of a task" = {
    change.agents.upgrader.wake.schedule = "daily";
    said = "services.agentOrchestrator.agents.upgrader.wake: a task is not woken. Remove it, or use `schedule`.";
  };
  "two times to wake" = {
    change.agents.orchestrator.wake.interval = 60;
    said = "services.agentOrchestrator.agents.orchestrator.wake: `interval` and `schedule` are both set. Remove one of them.";
  };
  "something that is no calendar" = {
    change.agents.orchestrator.wake.schedule = lib.mkForce "every hour";
    said = "services.agentOrchestrator.agents.orchestrator.wake.schedule: `every hour` is no calendar. See systemd.time(7); `systemd-analyze calendar 'every hour'` tries one.";
  };
  "a reader that is not there" = {
    change.loop.handoff.claimPings = "reviewer";
    said = "services.agentOrchestrator.loop.handoff.claimPings: there is no agent `reviewer`. Name one of services.agentOrchestrator.agents.";
  };
  "a loop that nobody works" = {
    change = {
      loop = lib.mkForce null;
      loops.one = loop;
      loops.two = loop;
      agents.builder.loop = "one";
      agents.adversary.loop = "one";
    };
    said = "services.agentOrchestrator.loops.two: no agent works it. Set `kind = \"loop\"; loop = \"two\";` of services.agentOrchestrator.agents.";
  };
  "the only loop, that nobody works" = {
    change.agents = lib.mkForce { assistant = { }; };
    said = "services.agentOrchestrator.loop: no agent works it. Set `kind = \"loop\"` of services.agentOrchestrator.agents.";
  };
  "claims that go to nobody" = {
    change.agents.adversary.role = "reviewer";
    said = "services.agentOrchestrator.loop.handoff.claimPings: none of its agents has the role `adversary`. Give one that role, or name here who is to be told.";
  };
  "reviews that would go to two" = {
    change.agents.second = {
      kind = "loop";
      role = "builder";
      dir = "second";
    };
    said = "services.agentOrchestrator.loop.handoff.reviewPings: several of its agents have the role `builder`: builder second. Name here who is to be told.";
  };
  "one phase twice" = {
    change.loop.phases = [ phase ];
    said = "services.agentOrchestrator.loop.phases: the id `1` stands there twice. Change one of them.";
  };
  "an end that runs no task" = {
    change.loop.onComplete.run = "orchestrator";
    said = "services.agentOrchestrator.loop.onComplete.run: `orchestrator` is no agent of kind `task`. Name one, or change its kind.";
  };
  "a folder that its unit does not see" = {
    change.agents.builder.dir = lib.mkForce "/tmp/clone";
    said = "services.agentOrchestrator.agents.builder.dir: its unit has a /tmp of its own and does not see `/tmp/clone`. Choose a folder elsewhere, or set `serviceConfig.PrivateTmp = false`.";
  };
  "no folder" = {
    change.agents.builder.dir = lib.mkForce "";
    said = "services.agentOrchestrator.agents.builder.dir: `` is no path. Write it without `~` and `..`, whole or from projectDir on, which is `.`.";
  };
  "a folder of a home, as a shell has it" = {
    change.agents.builder.dir = lib.mkForce "~/builder";
    said = "services.agentOrchestrator.agents.builder.dir: `~/builder` is no path. Write it without `~` and `..`, whole or from projectDir on, which is `.`.";
  };
  "a folder outside, by two dots" = {
    change.services.site = {
      command = "true";
      dir = "../site";
    };
    said = "services.agentOrchestrator.services.site.dir: `../site` is no path. Write it without `~` and `..`, whole or from projectDir on, which is `.`.";
  };
  "two loop agents in one clone" = {
    change.agents.builder.dir = lib.mkForce "./adversary/";
    said = "services.agentOrchestrator.agents.adversary.dir: `adversary` and `builder` would work in one folder, `/srv/proj/adversary`. Give each a clone of its own.";
  };
  "a credential that is no name" = {
    change.agents.builder.credentials."deploy:key" = "/run/secrets/key";
    said = "services.agentOrchestrator.agents.builder.credentials: `deploy:key` is no name of a file. Use letters, digits, `_`, `-` and `.`.";
  };
  "a credential that is a path" = {
    change.agents.builder.credentials."../key" = "/run/secrets/key";
    said = "services.agentOrchestrator.agents.builder.credentials: `../key` is no name of a file. Use letters, digits, `_`, `-` and `.`.";
  };
  "a fleet of root's" = {
    change.user = "root";
    said = "services.agentOrchestrator.user: agents run commands of their own, and as root nothing confines them. Leave the default, or name another.";
  };
  "an agent of root's" = {
    change.agents.orchestrator.user = "root";
    said = "services.agentOrchestrator.agents.orchestrator.user: it runs commands of its own, and as root nothing confines it. Leave the fleet's, or name another.";
  };
  "a port that is nginx's" = {
    change.web.port = 443;
    said = "services.agentOrchestrator.web.port: the server has no right to listen on port 443; it is nginx that does so. Choose one of 1024 or more.";
  };
  "an agent's user that is not there" = {
    change.agents.orchestrator.user = "bob";
    said = "services.agentOrchestrator.agents.orchestrator.user: there is no user `bob`. Define users.users.bob, or leave the fleet's.";
  };
  "a user that is not there" = {
    change.user = "bob";
    said = "services.agentOrchestrator.user: there is no user `bob`. Define users.users.bob, or leave the default.";
  };
  "a state that lies in its own place" = {
    change.stateDir = "/var/lib/agent-orchestrator/state";
    said = "services.agentOrchestrator.stateDir: `/var/lib/agent-orchestrator/state` and `/var/lib/agent-orchestrator`, where it is mounted, lie one in the other. Choose a folder elsewhere.";
  };
  "a state around its own place" = {
    change.stateDir = "/var/lib/";
    said = "services.agentOrchestrator.stateDir: `/var/lib/` and `/var/lib/agent-orchestrator`, where it is mounted, lie one in the other. Choose a folder elsewhere.";
  };
  "a state that agents could write" = {
    change.stateDir = "/srv/proj/builder/state";
    said = "services.agentOrchestrator.stateDir: `/srv/proj/builder/state` lies in `/srv/proj/builder`, where agents write. Choose a folder elsewhere.";
  };
  "an interface in place of an address" = {
    change.web.listenAddress = lib.mkForce "tailscale0";
    said = "services.agentOrchestrator.web.listenAddress: `tailscale0` is no address, neither the name of an interface nor that of a host is one. Write the host's own as `ip address` shows it; an interface is named by services.agentOrchestrator.web.firewallInterface.";
  };
  "the password of the web part as an agent's secret" = {
    change.agents.builder.environmentFile = "/run/secrets/web.env";
    said = "services.agentOrchestrator.agents.builder.environmentFile: it is that of the web part, whose password would be known. Name another file.";
  };
  "the password of the web part as a secret of notify" = {
    change.notify.environmentFile = "/run/secrets/web.env";
    said = "services.agentOrchestrator.notify.environmentFile: it is that of the web part, whose password would be known. Name another file.";
  };
  "an IPv6 address without brackets" = {
    change.web.listenAddress = lib.mkForce "fd7a::1";
    said = "services.agentOrchestrator.web.listenAddress: `fd7a::1` has a colon and no brackets. Write an IPv6 address as `[fd7a::1]`, and no port.";
  };
  "a default that is said once for all" = {
    change.defaults.log_dir = "/srv/logs";
    said = "services.agentOrchestrator.defaults.log_dir: it has an option of its own. Set services.agentOrchestrator.logDir instead.";
  };
  "a default that is an agent's own" = {
    change.defaults.dir = "clones";
    said = "services.agentOrchestrator.defaults.dir: it has an option of its own. Set services.agentOrchestrator.agents.NAME.dir instead.";
  };
  "an option of an agent by the name of its key" = {
    change.agents.builder.settings.resume_prompt = "Go on.";
    said = "services.agentOrchestrator.agents.builder.settings.resume_prompt: it has an option of its own. Set services.agentOrchestrator.agents.builder.resumePrompt instead.";
  };
  "an agent that is disabled by the name of the key" = {
    change.agents.builder.settings.enabled = false;
    said = "services.agentOrchestrator.agents.builder.settings.enabled: it has an option of its own. Set services.agentOrchestrator.agents.builder.enable instead.";
  };
  "a name of an agent besides the one that it has" = {
    change.agents.builder.settings.name = "second";
    said = "services.agentOrchestrator.agents.builder.settings.name: it has an option of its own. Set services.agentOrchestrator.agents.builder instead.";
  };
  "an option of a loop by the name of its key" = {
    change.loop.settings.done_marker = "## END";
    said = "services.agentOrchestrator.loop.settings.done_marker: it has an option of its own. Set services.agentOrchestrator.loop.doneMarker instead.";
  };
  "an option of a backend by the name of its key" = {
    change.backends.claude.settings.flags = "--x";
    said = "services.agentOrchestrator.backends.claude.settings.flags: it has an option of its own. Set services.agentOrchestrator.backends.claude.flags instead.";
  };
  "the same, laid over at the end" = {
    change.settings.backend.codex.flags = "--x";
    said = "services.agentOrchestrator.settings.backend.codex.flags: it has an option of its own. Set services.agentOrchestrator.backends.codex.flags instead.";
  };
  "a loop's, laid over at the end" = {
    change.settings.loop.roles_dir = "prompts";
    said = "services.agentOrchestrator.settings.loop.roles_dir: it has an option of its own. Set services.agentOrchestrator.loop.rolesDir instead.";
  };
  "a folder of logs, laid over at the end" = {
    change.settings.defaults.log_dir = "/srv/logs";
    said = "services.agentOrchestrator.settings.defaults.log_dir: it has an option of its own. Set services.agentOrchestrator.logDir instead.";
  };
  "a default, laid over at the end" = {
    change.settings.defaults.watch = "heal";
    said = "services.agentOrchestrator.settings.defaults.watch: it has an option of its own. Set services.agentOrchestrator.defaults.watch instead.";
  };
  "a command that is told, laid over at the end" = {
    change.settings.notify.command = [ "/usr/bin/logger" ];
    said = "services.agentOrchestrator.settings.notify.command: it has an option of its own. Set services.agentOrchestrator.notify.command instead.";
  };
  "a command that is shell text" = {
    change.notify.command = [
      "curl -d @-"
      "https://ntfy.example.net/fleet"
    ];
    said = "services.agentOrchestrator.notify.command: there is no program `curl -d @-`; this is no shell text. Write each argument as a text of its own.";
  };
  "a command that the supervisor would look for in vain" = {
    change.notify.command = [ "curl" ];
    said = "services.agentOrchestrator.notify.command: the supervisor's PATH has no `curl`. Write its whole path: `lib.getExe pkgs.curl`.";
  };
  "secrets of no command" = {
    change.notify.environmentFile = "/run/secrets/notify.env";
    said = "services.agentOrchestrator.notify.environmentFile: there is nothing that would have it. Set services.agentOrchestrator.notify.command.";
  };
  "agents in place of all others" = {
    change.settings.agent = [ { name = "builder"; } ];
    said = "services.agentOrchestrator.settings.agent: it has an option of its own. Set services.agentOrchestrator.agents instead.";
  };
  "loops in place of all others" = {
    change.settings.loop = [ loop ];
    said = "services.agentOrchestrator.settings.loop: it has an option of its own. Set services.agentOrchestrator.loops instead.";
  };
  "a web part without a password" = {
    change.web.environmentFile = lib.mkForce null;
    said = "services.agentOrchestrator.web.environmentFile: without a password the server obeys every user of the host. Name a file with the line `OPENCODE_SERVER_PASSWORD=...`, outside of the store; the user is `opencode`.";
  };
  "a password that all agents have" = {
    change.web.environmentFile = lib.mkForce "/run/secrets/agents.env";
    said = "services.agentOrchestrator.web.environmentFile: it is that of all agents, who would have the password. Name another file.";
  };
  "a host name with nothing behind it" = {
    change.web.enable = lib.mkForce false;
    said = "services.agentOrchestrator.web.hostName: there is nothing behind it. Set services.agentOrchestrator.web.enable.";
  };
}
