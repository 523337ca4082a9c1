# Writes TOML: sections and lists of sections, all below them on one line.
{ lib }:
let
  isTable = value: lib.isAttrs value && !lib.isDerivation value;
  key = name: if builtins.match "[A-Za-z0-9_-]+" name == null then builtins.toJSON name else name;
  pair = name: value: "${key name} = ${inline value}";
  # A text of JSON is one of TOML.
  inline =
    value:
    if isTable value then
      "{ ${lib.concatStringsSep ", " (lib.mapAttrsToList pair value)} }"
    else if lib.isList value then
      "[${lib.concatMapStringsSep ", " inline value}]"
    else if lib.isPath value || lib.isDerivation value then
      builtins.toJSON (toString value)
    else
      builtins.toJSON value;

  lines = value: lib.concatStrings (lib.mapAttrsToList (name: inner: "${pair name inner}\n") value);
  section =
    name: value:
    if isTable value then
      "\n[${key name}]\n${lines value}"
    else if lib.isList value && lib.all isTable value then
      lib.concatMapStrings (one: "\n[[${key name}]]\n${lines one}") value
    else
      throw "toml.nix: `${name}` is neither a table nor a list of tables";
in
content: lib.removePrefix "\n" (lib.concatStrings (lib.mapAttrsToList section content))
