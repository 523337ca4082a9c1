# Calendars that are taken, each with what a build asks systemd of, and some that are none.
{ lib }:
let
  calendar = import ../../calendar.nix { inherit lib; };
  taken = {
    "daily" = "daily";
    "DAILY" = "DAILY";
    "daily UTC" = "daily";
    "biannually" = "biannually";
    "bi-annually" = "bi-annually";
    "semi-annually" = "semi-annually";
    "mon..fri 10:00" = "mon..fri 10:00";
    "Mon *-*-* 10:00 Etc/GMT+5" = "Mon *-*-* 10:00";
    "Mon..Fri *-*-* 02:30:00 Europe/Berlin" = "Mon..Fri *-*-* 02:30:00";
    "Mon Europe/Berlin" = "Mon";
    "monday,tuesday 9:00" = "monday,tuesday 9:00";
    "*-*~01" = "*-*~01";
    "10:00:00.5" = "10:00:00.5";
    "2026-12-24 18:00 America/Argentina/Buenos_Aires" = "2026-12-24 18:00";
    "@1700000000" = "@1700000000";
  };
in
{
  "test calendars: what systemd takes is taken, and it is asked without the zone" = {
    expr = lib.mapAttrs (
      text: _: if calendar.isCalendar text then calendar.withoutZone text else null
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
