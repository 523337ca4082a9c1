# The fleet of the machines that scenarios run on: it has every agent that one of them starts.
{
  enable = true;
  projectDir = "/srv/fleet";
  sessionPrefix = "t-";
  operators = [ "nobody" ];
  defaults = {
    backend = "echo";
    watch = "heal";
  };
  backends.echo = {
    bin = "exec /srv/fleet/agent.sh {session}";
    settings = {
      prompt_delivery = "exec";
      input_re = "^> ?(?P<text>.*)$";
      connect_delay = 1;
      ready_max = 10;
    };
  };
  agents = {
    ada = {
      dir = "ada";
      prompt = "begin";
      wake.schedule = "hourly";
      environment.GREETING = "100% hello";
      environmentFile = "/etc/agent-orchestrator/ada.env";
      limits = {
        tasksMax = 500;
        memoryMax = "64M";
      };
      serviceConfig.MemorySwapMax = 0;
    };
    bob = {
      dir = "bob";
      prompt = "begin";
      wake.schedule = "hourly";
    };
    # Runs until a rebuild disables her.
    dora = {
      dir = "dora";
      prompt = "begin";
      wake.schedule = "hourly";
    };
    # Disabled from the beginning, calendar and all.
    emil = {
      dir = "emil";
      prompt = "begin";
      wake.schedule = "hourly";
      enable = false;
    };
    upgrader = {
      kind = "task";
      dir = "upgrader";
      prompt = "begin";
      schedule = "Sun 02:00 UTC";
    };
    carl = {
      dir = "carl";
      prompt = "begin";
      enable = false;
    };
    dan = {
      dir = "dan";
      prompt = "begin";
      enable = false;
    };
    tim = {
      kind = "task";
      dir = "tim";
      prompt = "begin";
      enable = false;
    };
    cid = {
      dir = "cid";
      prompt = "begin";
      enable = false;
    };
    carol = {
      user = "carol";
      dir = "carol";
      prompt = "begin";
      enable = false;
      environmentFile = "/etc/agent-orchestrator/carol.env";
      credentials.token = "/etc/agent-orchestrator/carol.env";
      # The origin that she pushes to.
      readWritePaths = [ "/srv/fleet/carol.git" ];
    };
    dave = {
      user = "dave";
      dir = "dave";
      prompt = "begin";
      enable = false;
      environmentFile = "/etc/agent-orchestrator/dave.env";
    };
    glutton = {
      dir = "glutton";
      prompt = "begin";
      enable = false;
      limits.memoryMax = "64M";
      serviceConfig.MemorySwapMax = 0;
    };
    talker = {
      dir = "talker";
      prompt = "begin";
      enable = false;
    };
  }
  # Of the loops: clones below /srv/one and /srv/two, whose origins they push to.
  //
    builtins.mapAttrs
      (_: folders: {
        dir = builtins.head folders;
        prompt = "begin";
        enable = false;
        readWritePaths = folders;
      })
      {
        builder = [
          "/srv/one"
          "/srv/two"
        ];
        adversary = [
          "/srv/one"
          "/srv/two"
        ];
        builder-2 = [ "/srv/two" ];
        adversary-2 = [ "/srv/two" ];
      };
  web = {
    environmentFile = "/etc/agent-orchestrator/web.env";
    enable = true;
    hostName = "oc.example.net";
    # Not an address of the machine, as a tailnet's before it is up.
    listenAddress = "100.64.0.5";
  };
}
