# Calendars that are taken, each with what a build asks systemd of, and some that are none.
{ lib }:
let
  calendar = import ../../calendar.nix { inherit lib; };
  alone =
    lib.genAttrs
      [
        "daily"
        "DAILY"
        "biannually"
        "bi-annually"
        "semi-annually"
        "mon..fri 10:00"
        "monday,tuesday 9:00"
        "*-*~01"
        "10:00:00.5"
        "@1700000000"
      ]
      (calendar: {
        inherit calendar;
        zone = null;
      });
  taken = alone // {
    "daily UTC" = {
      calendar = "daily";
      zone = "UTC";
    };
    "Mon *-*-* 10:00 Etc/GMT+5" = {
      calendar = "Mon *-*-* 10:00";
      zone = "Etc/GMT+5";
    };
    "Mon..Fri *-*-* 02:30:00  Europe/Berlin" = {
      calendar = "Mon..Fri *-*-* 02:30:00";
      zone = "Europe/Berlin";
    };
    "Mon Europe/Berlin" = {
      calendar = "Mon";
      zone = "Europe/Berlin";
    };
    "2026-12-24 18:00 America/Argentina/Buenos_Aires" = {
      calendar = "2026-12-24 18:00";
      zone = "America/Argentina/Buenos_Aires";
    };
  };
in
{
  "test calendars: what systemd takes is taken, and its zone told apart" = {
    expr = lib.mapAttrs (
      text: _: if calendar.isCalendar text then calendar.partsOf text else null
    ) taken;
    expected = taken;
  };
  "test calendars: others are none" = {
    expr = builtins.filter calendar.isCalendar [
      ""
      "every hour"
      "nonsense"
      "10"
      "daily at noon"
      "@soon"
    ];
    expected = [ ];
  };
}
