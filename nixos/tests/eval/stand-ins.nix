# The options of NixOS that the module sets, as strict as theirs: another name or a wrong type is an error.
{ lib, ... }:
let
  inherit (lib) mkOption types;

  option =
    type: default:
    mkOption {
      inherit type default;
    };
  texts = option (types.listOf types.str) [ ];
  unitName = types.strMatching "[a-zA-Z0-9@%:_.-]+[.](service|socket|target|path|timer|slice)";
  units = option (types.listOf unitName) [ ];
  map' = type: option (types.attrsOf type) { };

  # A setting of a unit: lists add up, anything else must be said once.
  setting = lib.mkOptionType {
    name = "setting of a unit";
    merge =
      location: definitions:
      if lib.all (definition: lib.isList definition.value) definitions then
        lib.concatMap (definition: definition.value) definitions
      else
        lib.mergeEqualOption location definitions;
  };

  common = {
    enable = option types.bool true;
    description = option types.str "";
    overrideStrategy = option (types.enum [
      "asDropinIfExists"
      "asDropin"
    ]) "asDropinIfExists";
    wantedBy = units;
    requiredBy = units;
    conflicts = units;
    wants = units;
    after = units;
    before = units;
    requires = units;
    bindsTo = units;
    partOf = units;
    reloadTriggers = option (types.listOf types.unspecified) [ ];
    restartTriggers = option (types.listOf types.unspecified) [ ];
    unitConfig = map' setting;
  };
  unit = specific: types.submodule { options = common // specific; };

  service = unit {
    path = option (types.listOf (types.either types.package types.str)) [ ];
    environment = map' (types.nullOr types.str);
    serviceConfig = map' setting;
    restartIfChanged = option types.bool true;
    stopIfChanged = option types.bool true;
  };

  user = types.submodule {
    options = {
      isSystemUser = option types.bool false;
      isNormalUser = option types.bool false;
      description = option types.str "";
      group = option types.str "";
      home = option types.path "/var/empty";
      homeMode = option (types.strMatching "[0-7]{1,5}") "700";
      extraGroups = texts;
    };
  };

  location = types.submodule {
    options = {
      proxyPass = option (types.nullOr types.str) null;
      proxyWebsockets = option types.bool false;
      recommendedProxySettings = option types.bool false;
      extraConfig = option types.lines "";
    };
  };

  virtualHost = types.submodule {
    options = {
      listenAddresses = texts;
      basicAuth = map' types.str;
      basicAuthFile = option (types.nullOr types.path) null;
      forceSSL = option types.bool false;
      onlySSL = option types.bool false;
      enableACME = option types.bool false;
      extraConfig = option types.lines "";
      locations = map' location;
    };
  };

  tmpfile = types.submodule {
    options = {
      mode = option types.str "-";
      user = option types.str "-";
      group = option types.str "-";
      age = option types.str "-";
      argument = option types.str "";
    };
  };
in
{
  # Whom every NixOS has.
  config.users.users = {
    nobody = { };
    root.home = "/root";
  };

  options = {
    meta = option types.unspecified { };
    assertions = option (types.listOf types.unspecified) [ ];
    warnings = texts;

    boot.kernel.sysctl = map' (types.either types.int types.str);
    environment = {
      etc = map' (
        types.submodule {
          options = {
            enable = option types.bool true;
            source = option types.path "/etc/text";
            text = option (types.nullOr types.lines) null;
          };
        }
      );
      systemPackages = option (types.listOf types.package) [ ];
    };
    networking.firewall.interfaces = map' (
      types.submodule { options.allowedTCPPorts = option (types.listOf types.port) [ ]; }
    );
    security.polkit = {
      enable = option types.bool false;
      extraConfig = option types.lines "";
    };
    services.nginx = {
      enable = option types.bool false;
      virtualHosts = map' virtualHost;
    };
    systemd = {
      packages = option (types.listOf types.package) [ ];
      services = map' service;
      slices = map' (unit {
        sliceConfig = map' setting;
      });
      targets = map' (unit { });
      timers = map' (unit {
        timerConfig = map' setting;
      });
      tmpfiles = {
        rules = texts;
        settings = map' (types.attrsOf (types.attrsOf tmpfile));
      };
    };
    # Of tests and of the README's configuration only.
    nix.settings = map' types.unspecified;
    nixpkgs.config = map' types.unspecified;
    programs.git.enable = option types.bool false;
    specialisation = map' (
      types.submodule { options.configuration = option types.deferredModule { }; }
    );
    virtualisation = map' types.unspecified;
    users = {
      users = map' user;
      groups = map' (types.submodule { options.members = texts; });
    };
  };
}
