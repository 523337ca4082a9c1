# Limits of a unit, as systemd spells them.
{ lib, of }:
let
  inherit (lib) mkOption types;
  size = types.strMatching "[0-9]+[KMGT]?|[0-9]+%|infinity";
  limit =
    type: example: what:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit example;
      description = "${what} ({manpage}`systemd.resource-control(5)`).";
    };
in
mkOption {
  default = { };
  example = {
    memoryMax = "8G";
    cpuWeight = 50;
  };
  description = "Limits of ${of}. A change is in force at once, also for what runs.";
  type = types.submodule {
    options = {
      memoryHigh = limit size "6G" "Memory above which its processes are slowed down";
      memoryMax = limit size "8G" "Memory above which one of its processes is ended";
      cpuWeight =
        limit (types.ints.between 1 10000) 50
          "Share of the processors when they are scarce; others have 100";
      cpuQuota = limit (types.strMatching "[0-9]+%") "200%" "Processor time; 100% is one processor";
      ioWeight =
        limit (types.ints.between 1 10000) 50
          "Share of the disks when they are scarce; others have 100";
      tasksMax = limit types.ints.positive 4096 "Number of processes and threads";
    };
  };
}
