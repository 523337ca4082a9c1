# An agent that eats memory is ended alone.
import ./common/scenario.nix {
  scenarios = [ "11-memory" ];
  # A test's kernel panics at the first process that it has to end, also for the bound of a cgroup.
  extra.boot.kernel.sysctl."vm.panic_on_oom" = 0;
}
