# Turns an evaluation into the files that NixOS would make of it, by their paths; the rest of a unit is the package's.
{ lib }:
config:
let
  text = value: if lib.isBool value then lib.boolToString value else toString value;
  lines = name: value: lib.concatMapStrings (one: "${name}=${text one}\n") (lib.toList value);
  settings = attributes: lib.concatStrings (lib.mapAttrsToList lines attributes);
  section = name: body: lib.optionalString (body != "") "[${name}]\n${body}\n";

  # NixOS adds these to every service.
  defaultPath = [
    "coreutils"
    "findutils"
    "gnugrep"
    "gnused"
    "systemd"
  ];
  pkgs = import ./pkgs.nix { inherit lib; };
  # On Debian all of them lie in one place, which is named once.
  searchPath =
    packages:
    let
      all = lib.unique (map toString (packages ++ map (name: pkgs.${name}) defaultPath));
    in
    "${lib.makeBinPath all}:${lib.makeSearchPath "sbin" all}";

  unitSection =
    unit:
    lib.optionalAttrs (unit.wants != [ ]) { Wants = toString unit.wants; }
    // lib.optionalAttrs (unit.after != [ ]) { After = toString unit.after; }
    // lib.optionalAttrs (unit.before != [ ]) { Before = toString unit.before; }
    // lib.optionalAttrs (unit.requires != [ ]) { Requires = toString unit.requires; }
    // lib.optionalAttrs (unit.bindsTo != [ ]) { BindsTo = toString unit.bindsTo; }
    // lib.optionalAttrs (unit.partOf != [ ]) { PartOf = toString unit.partOf; }
    // lib.optionalAttrs (unit.conflicts != [ ]) { Conflicts = toString unit.conflicts; }
    // lib.optionalAttrs (unit.reloadTriggers != [ ]) {
      X-Reload-Triggers = toString unit.reloadTriggers;
    }
    // lib.optionalAttrs (unit.restartTriggers != [ ]) {
      X-Restart-Triggers = toString unit.restartTriggers;
    }
    // lib.optionalAttrs (unit.description != "") { Description = unit.description; }
    // unit.unitConfig;

  environment =
    unit:
    lib.concatStrings (
      lib.mapAttrsToList (name: value: "Environment=${builtins.toJSON "${name}=${value}"}\n") (
        { PATH = searchPath unit.path; } // unit.environment
      )
    );

  serviceSection =
    unit:
    environment unit
    + lib.optionalString (!unit.restartIfChanged) "X-RestartIfChanged=false\n"
    + lib.optionalString (!unit.stopIfChanged) "X-StopIfChanged=false\n"
    + settings unit.serviceConfig;

  # A unit of another module, whose own part is not told.
  isForeign = name: name == "nginx.service";
  # A unit that the package has, or that is said to be a drop-in, is extended; any other is whole.
  unitFile =
    name: unit:
    if !unit.enable then
      name
    else if
      unit.overrideStrategy == "asDropin"
      || isForeign name
      || builtins.pathExists (../../../src/units + "/${name}")
    then
      "${name}.d/overrides.conf"
    else
      name;
  unitFiles =
    suffix: specific: units:
    lib.concatMapAttrs (name: unit: {
      "etc/systemd/system/${unitFile "${name}.${suffix}" unit}" =
        if unit.enable then
          section "Unit" (settings (unitSection unit))
          + lib.optionalString (!isForeign "${name}.${suffix}") (specific unit)
        else
          "→ /dev/null";
    }) units;
  links =
    kind: name: others:
    lib.listToAttrs (
      map (other: lib.nameValuePair "etc/systemd/system/${other}.${kind}/${name}" "→ ../${name}") others
    );
  wanted =
    suffix:
    lib.concatMapAttrs (
      name: unit:
      links "wants" "${name}.${suffix}" unit.wantedBy
      // links "requires" "${name}.${suffix}" unit.requiredBy
    );

  # As nginx's module of NixOS has it, as far as it concerns a proxy.
  place = path: location: ''
      location ${path} {
        proxy_pass ${location.proxyPass};
        proxy_http_version 1.1;
    ${lib.optionalString location.proxyWebsockets ''
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    ''}${lib.optionalString location.recommendedProxySettings ''
      proxy_set_header Host $host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    ''}${location.extraConfig}  }
  '';
  host = name: virtualHost: ''
    server {
    ${
      lib.concatMapStrings (address: "  listen ${address}:80;\n") virtualHost.listenAddresses
    }  server_name ${name};
    ${lib.concatStrings (lib.mapAttrsToList place virtualHost.locations)}}
  '';

  tmpfile =
    path: kind: entry:
    "${kind} '${path}' '${entry.mode}' '${entry.user}' '${entry.group}' '${entry.age}' ${entry.argument}\n";

  account = name: user: ''
    u ${name} - "${user.description}" ${user.home}
  '';
  inherit (config) systemd services;
in
unitFiles "service" (unit: section "Service" (serviceSection unit)) systemd.services
// unitFiles "slice" (unit: section "Slice" (settings unit.sliceConfig)) systemd.slices
// unitFiles "target" (_: "") systemd.targets
// unitFiles "timer" (unit: section "Timer" (settings unit.timerConfig)) systemd.timers
// wanted "service" systemd.services
// wanted "target" systemd.targets
// wanted "timer" systemd.timers
// {
  "etc/agent-orchestrator/agents.toml" = services.agentOrchestrator.configFile.source.text;
  "etc/polkit-1/rules.d/10-nixos.rules" = config.security.polkit.extraConfig;
  "etc/sysusers.d/agent-orchestrator.conf" = lib.concatStrings (
    lib.mapAttrsToList account (lib.filterAttrs (_: user: user.isSystemUser) config.users.users)
  );
  "etc/tmpfiles.d/00-nixos.conf" = lib.concatMapStrings (rule: "${rule}\n") systemd.tmpfiles.rules;
  "etc/tmpfiles.d/agent-orchestrator.conf" = lib.concatStrings (
    lib.concatLists (
      lib.mapAttrsToList (
        path: lib.mapAttrsToList (tmpfile path)
      ) systemd.tmpfiles.settings.agent-orchestrator
    )
  );
}
// lib.optionalAttrs (config.boot.kernel.sysctl != { }) {
  "etc/sysctl.d/60-nixos.conf" = lib.concatStrings (
    lib.mapAttrsToList (name: value: "${name}=${toString value}\n") config.boot.kernel.sysctl
  );
}
// lib.optionalAttrs services.nginx.enable {
  "etc/nginx/conf.d/agent-orchestrator.conf" = ''
    map $http_upgrade $connection_upgrade {
      default upgrade;
      "" close;
    }
    ${lib.concatStrings (lib.mapAttrsToList host services.nginx.virtualHosts)}'';
}
