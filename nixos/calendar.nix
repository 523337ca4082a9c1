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

  # A calendar and its zone, if it names one: systemd in a build sees no tables of zones, so that each is looked up apart.
  partsOf =
    text:
    let
      parts = builtins.match "(.*[^ ])${zone}" (lib.toLower text);
      length = builtins.stringLength (builtins.head parts);
    in
    if parts == null then
      {
        calendar = text;
        zone = null;
      }
    else
      {
        calendar = builtins.substring 0 length text;
        zone = lib.trim (builtins.substring length (-1) text);
      };
}
