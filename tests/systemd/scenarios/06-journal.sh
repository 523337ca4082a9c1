# The journal has the fields that are documented, and every line one time only.
. "$(dirname "$0")/lib.sh"
loop_fleet /srv/one
start_fleet
complete() { [[ -e /var/log/agent-orchestrator/SEQUENCE-COMPLETE ]]; }
within 60 complete
has() { journalctl --no-pager --quiet --output=cat -u "$supervisor" "$@" | grep .; }
promise "by agent" has AGENT=builder
promise "by kind of event" has EVENT=handoff
promise "by both" has AGENT=builder EVENT=started
promise "by phase" has PHASE=p2
promise "by message id" has MESSAGE_ID=117d8c64c4a54c2b8fe67f17a6b9b6d1
# Each kind of event with its id: as many ids as kinds, and no event without one.
within 10 is_state adversary stopped
journalctl --no-pager --quiet --output=json -u "$supervisor" | grep '"EVENT"' >"$scratch/events"
of_events() { grep -o "\"$1\":\"[^\"]*\"" "$scratch/events" | sort -u | wc -l; }
promise "a message id is of one kind" test "$(of_events MESSAGE_ID)" = "$(of_events EVENT)"
promise "and every event has one" test "$(grep -c MESSAGE_ID "$scratch/events")" = "$(wc -l <"$scratch/events")"
promise "there are several" test "$(of_events EVENT)" -ge 6
promise "by level: nothing went wrong" not has PRIORITY=4
promise "a phase's end is a notice" has EVENT=sequence-complete PRIORITY=5
promise "a line says whom it is about" grep -q '^builder: ' <(has AGENT=builder)
stamped() { has | grep -E '^(<[0-9]>|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}:[0-9]{2})'; }
promise "no line has a second stamp or level" not stamped
# systemd's own lines of the unit are left out.
own() { journalctl -q --output=json _SYSTEMD_UNIT="$supervisor"; }
promise "every line is the supervisor's own" test -z "$(own | grep -v '"EVENT"')"
promise "and there are some" test -n "$(own)"
done_with
