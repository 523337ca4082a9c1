# The wall clock is set forward and back: a calendar fires once for what was passed over, and goes on by the clock as it is; an
# interval does not notice.
. "$(dirname "$0")/lib.sh"
if systemd-detect-virt --quiet --container; then
    not_here "a container has the host's clock; AO_QEMU=1 boots a machine with its own"
fi
wake=agent-orchestrator-wake@ada run=agent-orchestrator-run@upgrader
interval=120
heard() { [[ $(cat "/srv/fleet/$1/heard" 2>/dev/null | grep -c time-to-wake) == "$2" ]]; }
runs() { [[ $(cat /srv/fleet/upgrader/runs 2>/dev/null | wc -l) == "$1" ]]; }
# set_clock DAY TIME: to a day of the week that begins with Monday, 5 January 2037.
set_clock() { date --set="2037-01-$((4 + $1)) $2 UTC" >/dev/null; }
next_is() { [[ $(prop "$1.timer" NextElapseUSecRealtime) == *"$2"* ]]; }
if ((SCENARIO_BOOT == 2)); then
    # This boot's clock is the host's, which is behind that of the first one by far.
    promise "the boot starts the fleet" within 20 is_up "$supervisor"
    promise "cid runs" within 20 pane cid
    promise "a clock that lags behind its last wake keeps none from cid" within $((interval / 4)) heard cid 2
    promise "nor from ada" next_is "$wake" "$(date --utc --date='next hour' '+%Y-%m-%d %H'):00:00 UTC"
    promise "for the time that was not there she is not woken" heard ada 3
    promise "STATUS= is true" status_is_true
    done_with
fi
# Debian's own would all be due with it, and keep the machine busy.
systemctl stop '*.timer'
set_clock 1 10:30
echo 'wake = { prompt_file = "/srv/fleet/wake.md", schedule = "hourly" }' >/scenarios/extra-ada
echo "wake = { prompt_file = \"/srv/fleet/wake.md\", interval = $interval }" >/scenarios/extra-cid
cat >/scenarios/extra <<'CONFIG'
[[agent]]
name = "upgrader"
kind = "task"
dir = "upgrader"
prompt = "upgrade"
schedule = "Sun 02:00 UTC"
backend = "task"
[backend.task]
bin = "echo run >>runs"
prompt_delivery = "exec"
CONFIG
simple_fleet ada cid
install -d -o agent-orchestrator -g agent-orchestrator /srv/fleet/upgrader
echo "time-to-wake" >/srv/fleet/wake.md
# The module's calendars have begun at the boot, by another clock: what they miss by that is asked before anybody listens.
if [[ ${SCENARIO_UNITS:-} == module ]]; then
    asked() { [[ $(find /var/lib/agent-orchestrator/spool -type f 2>/dev/null | wc -l) == 2 ]]; }
    systemctl start "$wake.timer" "$run.timer"
    promise "what was missed at first is asked" within 20 asked
    systemctl stop '*.timer'
    rm -f /var/lib/agent-orchestrator/spool/*
fi
promise "the fleet starts" enable_fleet
promise "cid runs" within 10 pane cid
promise "and ada" within 10 is_state ada 'idle|working'
set_clock 9 13:15
promise "set forward over many of its times, a calendar wakes" within 10 heard ada 1
promise "and runs" within 10 runs 1
promise "an interval does not" heard cid 0
promise "once" not within 1 heard ada 2
promise "each" runs 1
promise "STATUS= is true" status_is_true
set_clock 1 11:30
promise "set back, it goes on by the clock as it is" within 5 next_is "$wake" "12:00:00 UTC"
promise "at the day as it is" next_is "$run" "2037-01-11 02:00:00 UTC"
promise "and nobody is woken by that" heard ada 1
set_clock 1 11:59:55
promise "the coming hour counts" within 10 heard ada 2
promise "once" not within 1 heard ada 3
promise "an interval's wake comes by no clock but time" within $((interval / 3)) heard cid 1
set_clock 1 12:59:55
promise "and so does the next" within 10 heard ada 3
promise "the run was the only one" runs 1
promise "no agent has died" not grep '"event":"died"' /var/lib/agent-orchestrator/events.jsonl
((failed)) && done_with
sync
exit 64
