# Holds every fleet that works against NixOS's own modules: what the stand-ins render is what NixOS makes of it.
{
  # A nixpkgs, or a folder with its `nixos/` only.
  nixpkgs,
  lib ? import (nixpkgs + "/lib"),
  # What its modules take of pkgs; without them the packages are its own.
  paths ? null,
  system ? "x86_64-linux",
}:
let
  render = import ./render.nix { inherit lib; };
  standIns = import ./evaluate.nix { inherit lib; };

  modules = services: [
    ../common/users.nix
    { services.agentOrchestrator = services; }
  ];
  nixos =
    modules:
    (import (nixpkgs + "/nixos/lib/eval-config.nix") (
      {
        inherit lib;
        modules = modules ++ [
          ../../module.nix
          {
            documentation.enable = false;
            system.stateVersion = lib.trivial.release;
          }
          (lib.optionalAttrs (paths == null) { nixpkgs.config.allowUnfree = true; })
        ];
      }
      // (
        if paths == null then
          { inherit system; }
        else
          {
            system = null;
            pkgs = import ./without-packages.nix { inherit lib paths; };
          }
      )
    )).config;

  # Packages are in the store of the one and in /usr of the other, which names it once.
  placed =
    text:
    lib.concatMapStrings (part: if lib.isList part then "/usr" else part) (
      builtins.split "/nix/store/[0-9a-z]{32}-[^/\"' ]*" (builtins.unsafeDiscardStringContext text)
    );
  # NixOS adds some of its own; the trigger of a reload is a file there, and a path here.
  isOurs =
    line:
    line != ""
    && !(lib.any (prefix: lib.hasPrefix prefix line) [
      "["
      "Environment=\"LOCALE_ARCHIVE="
      "Environment=\"PATH="
      "Environment=\"TZDIR="
      "X-Reload-Triggers="
    ]);
  # Without what only links are made of.
  settings =
    text:
    lib.sort lib.lessThan (
      builtins.filter isOurs (
        lib.splitString "\n" (placed (lib.head (lib.splitString "\n[Install]" text)))
      )
    );

  prefix = "etc/systemd/system/";
  units =
    files:
    lib.concatMapAttrs (
      path: text:
      lib.optionalAttrs (lib.hasPrefix prefix path && !(lib.hasPrefix "→ " text)) {
        ${lib.removeSuffix ".d/overrides.conf" (lib.removePrefix prefix path)} = settings text;
      }
    ) files;
  ours = lib.filterAttrs (name: _: lib.hasPrefix "agent-orchestrator" name);
  enabled = lib.filterAttrs (_: unit: unit.enable);
  part = path: config: lib.attrByPath path { } config;
  folders =
    config:
    lib.mapAttrs (
      _: lib.mapAttrs (_: entry: { inherit (entry) mode user group; })
    ) config.systemd.tmpfiles.settings.agent-orchestrator;
  user =
    config:
    lib.getAttrs [ "isSystemUser" "description" "group" "home" ] config.users.users.agent-orchestrator;

  ofFleet =
    name: services:
    let
      # As little of a machine as NixOS accepts.
      there = nixos (modules services ++ [ { boot.isContainer = true; } ]);
      here = standIns (modules services);
      host = services.web.hostName or null;
      location = [
        "services"
        "nginx"
        "virtualHosts"
        (toString host)
      ];
    in
    {
      "test ${name}: NixOS complains of nothing" = {
        expr = map (one: one.message) (builtins.filter (one: !one.assertion) there.assertions);
        expected = [ ];
      };
      "test ${name}: NixOS warns of what the stand-ins warn of" = {
        expr = builtins.filter (lib.hasInfix "agentOrchestrator") there.warnings;
        expected = here.warnings;
      };
      "test ${name}: units are what is rendered" = {
        expr = lib.mapAttrs (_: unit: settings unit.text) (enabled (ours there.systemd.units));
        expected = ours (units (render here));
      };
      "test ${name}: units are wanted and extended by the same" = {
        expr = lib.mapAttrs (_: unit: {
          inherit (unit)
            enable
            overrideStrategy
            wantedBy
            requiredBy
            ;
        }) (ours there.systemd.units);
        expected =
          lib.concatMapAttrs
            (
              kind: suffix:
              lib.mapAttrs' (
                unit: value:
                lib.nameValuePair "${unit}.${suffix}" {
                  inherit (value)
                    enable
                    overrideStrategy
                    wantedBy
                    requiredBy
                    ;
                }
              ) (ours here.systemd.${kind})
            )
            {
              services = "service";
              slices = "slice";
              targets = "target";
              timers = "timer";
            };
      };
      "test ${name}: the rest of NixOS is told the same" = {
        expr = {
          polkit = lib.hasInfix here.security.polkit.extraConfig there.security.polkit.extraConfig;
          rules = lib.subtractLists there.systemd.tmpfiles.rules here.systemd.tmpfiles.rules;
          folders = folders there;
          user = user there;
          groups = lib.getAttrs (lib.attrNames here.users.groups) (
            lib.mapAttrs (_: group: group.members) there.users.groups
          );
          sysctl = builtins.intersectAttrs here.boot.kernel.sysctl there.boot.kernel.sysctl;
          ports = lib.mapAttrs (_: interface: interface.allowedTCPPorts) (
            builtins.intersectAttrs here.networking.firewall.interfaces there.networking.firewall.interfaces
          );
          nginx = there.services.nginx.enable;
          nginxAfter = lib.subtractLists there.systemd.services.nginx.after or [ ] (
            here.systemd.services.nginx.after or [ ]
          );
          addresses = (part location there).listenAddresses or null;
          pass = (part location there).locations."/".proxyPass or null;
          etc = there.environment.etc ? "agent-orchestrator/agents.toml";
        };
        expected = {
          polkit = true;
          rules = [ ];
          folders = folders here;
          user = user here;
          groups = lib.mapAttrs (_: group: group.members) here.users.groups;
          inherit (here.boot.kernel) sysctl;
          ports = lib.mapAttrs (_: interface: interface.allowedTCPPorts) here.networking.firewall.interfaces;
          nginx = here.services.nginx.enable;
          nginxAfter = [ ];
          addresses = (part location here).listenAddresses or null;
          pass = (part location here).locations."/".proxyPass or null;
          etc = true;
        };
      };
    };

  # What virtual machines are switched to is a configuration of its own, and as good as theirs.
  ofMachine =
    name:
    let
      machine = nixos [
        (import (./.. + "/${name}.nix") { inherit lib; }).nodes.machine
        (nixpkgs + "/nixos/modules/virtualisation/qemu-vm.nix")
        {
          boot.loader.grub.enable = false;
          services.qemuGuest.enable = lib.mkForce false;
        }
      ];
      ofSystem =
        system:
        builtins.deepSeq (lib.mapAttrs (_: unit: settings unit.text) (
          enabled (ours system.systemd.units)
        )) (map (one: one.message) (builtins.filter (one: !one.assertion) system.assertions));
    in
    {
      "test vm-${name}: NixOS takes what it is switched to" = {
        expr = lib.mapAttrsToList (_: special: ofSystem special.configuration) machine.specialisation;
        expected = [ [ ] ];
      };
    };

  tests =
    lib.concatMapAttrs ofFleet (import ./fleets.nix)
    // lib.mergeAttrsList (
      map ofMachine [
        "home"
        "off"
        "state"
        "switch"
      ]
    );
in
{
  count = builtins.length (builtins.attrNames tests);
  failed = lib.runTests tests;
}
