# Every option of the module in a form that a table can hold.
{ lib }:
let
  evaluated = lib.evalModules {
    modules = [
      ../../module.nix
      ./stand-ins.nix
      { _module.args.pkgs = import ./pkgs.nix { inherit lib; }; }
    ];
  };
  prefix = "services.agentOrchestrator.";
  inherit
    (import ../../fleet.nix {
      inherit lib;
      cfg = { };
    })
    unitOptions
    ;

  flat =
    text:
    lib.concatStringsSep " " (
      lib.filter (word: word != "") (lib.splitString " " (lib.replaceStrings [ "\n" ] [ " " ] text))
    );
  # {option}`x` and {manpage}`x` are of the manual only.
  plain =
    text:
    flat (
      lib.replaceStrings [ "{option}" "{manpage}" "services.agentOrchestrator." ] [ "" "" "" ] text
    );

  default =
    option:
    if option ? defaultText then
      let
        text = option.defaultText.text or option.defaultText;
      in
      if option.defaultText._type or "" == "literalMD" then flat text else "`${flat text}`"
    else if option ? default then
      if option.default == null then
        "-"
      else
        "`${flat (lib.generators.toPretty { multiline = false; } option.default)}`"
    else if option.readOnly or false then
      "read only"
    else
      "required";

  row = option: {
    name = lib.removePrefix prefix (lib.concatStringsSep "." option.loc);
    # Those that may be null have no default, and the table says so already. What is open has no such word in 25.05.
    type =
      lib.replaceStrings
        [ "open submodule of (TOML value)" "null or " " (both inclusive)" "(submodule)" "TOML value" ]
        [ "TOML" "" "" "submodule" "TOML" ]
        (flat option.type.description);
    default = default option;
    description = plain (option.description.text or option.description);
    # What a person sees who looks for what to write.
    isShown = option ? default || option ? defaultText || option ? example || option.readOnly or false;
  };

  # What an agent and a service have in common is told once, and so are limits and what the only loop has.
  isTold =
    name:
    !(lib.hasPrefix "loops.<name>." name)
    && !(lib.hasInfix "<name>.limits." name)
    && !(
      lib.hasPrefix "services.<name>." name
      && builtins.elem (lib.removePrefix "services.<name>." name) unitOptions
    );

  below =
    tree:
    lib.concatLists (
      lib.mapAttrsToList (
        name: option:
        if name == "_module" then
          [ ]
        else if lib.isOption option then
          [ (row option) ]
          ++ below (removeAttrs (option.type.getSubOptions option.loc) [ "_freeformOptions" ])
        else
          below option
      ) tree
    );
  all = below evaluated.options.services.agentOrchestrator;
in
{
  # Of all, also those that have one of their own elsewhere.
  names = map (option: option.name) all;

  # Those of the README's table.
  told = builtins.filter (option: isTold option.name) all;

  tests = {
    "test options: each has a description, and a default or an example" = {
      expr = map (option: option.name) (
        builtins.filter (option: option.description == "" || !option.isShown) all
      );
      expected = [ ];
    };
  };
}
