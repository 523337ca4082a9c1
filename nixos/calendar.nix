# Calendars of systemd.time(7), as far as a build without systemd can tell.
{ lib }:
let
  words = "(minutely|hourly|daily|weekly|monthly|quarterly|semi-?annually|bi-?annually|annually|yearly)";
  days = "(mon|tue|wed|thu|fri|sat|sun)[a-z.,]*";
  dateOrTime = "[-0-9*,./~:]*[-:][-0-9*,./~:]*( +[0-9*,./:]+)?";
  # Every name of a zone begins with a letter, and no time does.
  zone = " +[a-z][a-z0-9_/+-]*";
in
{
  # Enough to catch what is no calendar at all: `systemd-analyze` reads it when the file is built.
  isCalendar =
    text:
    lib.any (form: builtins.match "(${form})(${zone})?" (lib.toLower text) != null) [
      words
      days
      "(${days} +)?${dateOrTime}"
      "@[0-9]+([.][0-9]+)?"
    ];

  # A build does not see the tables of the zones.
  withoutZone =
    text:
    let
      parts = builtins.match "(.*[^ ])${zone}" (lib.toLower text);
    in
    if parts == null then
      text
    else
      builtins.substring 0 (builtins.stringLength (builtins.head parts)) text;
}
