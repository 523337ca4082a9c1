# Users that some of the fleets' agents have for themselves.
{
  users.users =
    builtins.mapAttrs
      (name: home: {
        isNormalUser = true;
        group = name;
        inherit home;
      })
      {
        carol = "/var/lib/carol";
        dave = "/var/lib/dave";
      };
  users.groups = {
    carol = { };
    dave = { };
  };
}
