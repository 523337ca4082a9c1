# What must hold of every fleet that works.
{
  lib,
  fleets,
  toml,
  complaints,
}:
lib.concatMapAttrs (name: config: {
  "test ${name}: nothing is complained of" = {
    expr = complaints config;
    expected = [ ];
  };
  "test ${name}: nothing is warned of" = {
    expr = config.warnings;
    expected = [ ];
  };
  "test ${name}: a rebuild reaches no session and nothing that asks" = {
    expr = lib.attrNames (
      lib.filterAttrs (
        unit: service: lib.hasInfix "@" unit && service.restartIfChanged
      ) config.systemd.services
    );
    expected = [ ];
  };
  "test ${name}: no session hangs on anything" = {
    expr =
      lib.concatMap (service: service.requires ++ service.bindsTo ++ service.partOf ++ service.wantedBy)
        (lib.attrValues (lib.filterAttrs (unit: _: lib.hasInfix "session@" unit) config.systemd.services));
    expected = [ ];
  };
  "test ${name}: services of instances extend the package's templates" = {
    expr = lib.unique (
      map (unit: unit.overrideStrategy) (
        lib.attrValues (lib.filterAttrs (unit: _: lib.hasInfix "@" unit) config.systemd.services)
      )
    );
    expected = [ "asDropin" ];
  };
  # One that only extends the package's template would be restarted, in vain, once its agent is gone.
  "test ${name}: timers are whole units" = {
    expr = lib.attrNames (
      lib.filterAttrs (
        _: timer: timer.overrideStrategy == "asDropin" || !(timer.timerConfig ? OnCalendar)
      ) config.systemd.timers
    );
    expected = [ ];
  };
  "test ${name}: the supervisor reads a changed fleet and restarts in one step" = {
    expr = {
      inherit (config.systemd.services.agent-orchestrator) restartIfChanged stopIfChanged;
      triggers = map toString config.systemd.services.agent-orchestrator.reloadTriggers;
    };
    expected = {
      restartIfChanged = true;
      stopIfChanged = false;
      triggers = [ "/etc/agent-orchestrator/agents.toml" ];
    };
  };
  "test ${name}: the program checks agents.toml" = {
    expr = lib.hasInfix "agent-orchestrator --config agents.toml check --files-below /nix/store" config.services.agentOrchestrator.configFile.script;
    expected = true;
  };
  "test ${name}: there is a drop-in for every agent and service" = {
    expr = lib.all (one: config.systemd.services ? "agent-orchestrator-session@${one.name}") (
      (toml config).agent ++ (toml config).service or [ ]
    );
    expected = true;
  };
  "test ${name}: the polkit rule is the package's" = {
    expr = lib.removeSuffix "\n" config.security.polkit.extraConfig;
    expected = lib.removeSuffix "\n" (builtins.readFile ../../../src/units/50-agent-orchestrator.rules);
  };
}) fleets
