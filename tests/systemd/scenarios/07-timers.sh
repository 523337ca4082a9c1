# Calendars fire once after a downtime and are never lost; a run is use-or-create.
. "$(dirname "$0")/lib.sh"
wake=agent-orchestrator-wake@ada run=agent-orchestrator-run@upgrader
heard() { [[ $(grep -c time-to-wake /srv/fleet/ada/heard 2>/dev/null) == "$1" ]]; }
runs() { [[ $(cat /srv/fleet/upgrader/runs 2>/dev/null | wc -l) == "$1" ]]; }
# was_away TIMER: its last time was that long ago.
was_away() { touch --date='9 days ago' "/var/lib/systemd/timers/stamp-$1.timer"; }
if ((SCENARIO_BOOT == 2)); then
    promise "the boot starts the fleet" within 20 is_up "$supervisor"
    promise "and its timers" is_up "$wake.timer" "$run.timer"
    promise "after a downtime over several of its times a wake comes" within 20 heard 4
    promise "so does a run" within 20 runs 7
    promise "the wake only once" not within 3 heard 5
    promise "and the run" runs 7
    promise "the calendars go on from now" test "$(prop "$wake.timer" NextElapseUSecRealtime)" != ""
    done_with
fi
echo 'wake = { prompt_file = "/srv/fleet/wake.md", schedule = "hourly" }' >/scenarios/extra-ada
echo 'wake = { prompt_file = "/srv/fleet/wake.md", interval = 86400 }' >/scenarios/extra-bob
cat >/scenarios/extra <<'CONFIG'
[[agent]]
name = "upgrader"
kind = "task"
dir = "upgrader"
prompt = "upgrade"
schedule = "Sun 02:00 UTC"
backend = "task"
[backend.task]
bin = "exec /srv/fleet/task.sh"
prompt_delivery = "exec"
active_re = "esc to interrupt"
connect_delay = 1
ready_max = 5
CONFIG
simple_fleet ada bob
install -d -o agent-orchestrator -g agent-orchestrator /srv/fleet/upgrader
echo "time-to-wake" >/srv/fleet/wake.md
# Works until it is told to end, to rest, or to hang: with nothing on its screen, and deaf.
cat >/srv/fleet/task.sh <<'TASK'
#!/usr/bin/env bash
echo run >>runs
mkfifo orders 2>/dev/null
exec 3<>orders
# Who works shows it: silence would be rest.
until read -r -t 0.3 order <&3; do echo "upgrading (esc to interrupt)"; done
case $order in
rest) printf '\033[H\033[2Jdone, what next?\n' && read -r order <&3 ;;
hang) trap '' HUP TERM && printf '\033[H\033[2J' && exec tail -f /dev/null ;;
esac
TASK
chmod 755 /srv/fleet/task.sh
# of_package COMMAND...: what is about `units`, for which the module has none.
of_package() { [[ ${SCENARIO_UNITS:-} == module ]] || "$@"; }
of_package promise "while the fleet does not run, no calendar wakes" not is_up "$wake.timer"
of_package promise "nor runs" not is_up "$run.timer"
enable_fleet
within 10 pane ada >/dev/null
promise "both timers are active" is_up "$wake.timer" "$run.timer"
take_out() {
    cp "$config" "$scratch/whole"
    sed -i 's/, schedule = "hourly"//' "$config"
    promise "a calendar is taken out of the config" agent-orchestrator units
    promise "which ends it" not is_up "$wake.timer"
    promise "also for the next boot" not test -e "/etc/systemd/system/agent-orchestrator.target.wants/$wake.timer"
    promise "the other goes on" is_up "$run.timer"
    cat "$scratch/whole" >"$config"
    promise "it is put back" agent-orchestrator units
    promise "and waits again" is_up "$wake.timer"
}
of_package take_out
says() { agent-orchestrator explain "$1" | grep -q "$2 fires next at [A-Z]"; }
promise "explain tells when a wake comes" says ada "$wake.timer"
promise "and when a run does" says upgrader "$run.timer"
promise "status says that it has a timer" grep -q 'or its timer at' <(agent-orchestrator status --json)
promise "an agent with a calendar has no other wake" not grep -q 'wake is due in' <(agent-orchestrator explain ada)
promise "as one with an interval has" grep -q 'wake is due in' <(agent-orchestrator explain bob)
promise "a task with a calendar does not run by itself" runs 0

# missed TIMER: as after a downtime over its last time.
missed() {
    systemctl stop "$1.timer"
    was_away "$1"
    systemctl start "$1.timer"
}
missed "$wake"
promise "a wake that a downtime has swallowed comes" within 15 heard 1
promise "once" not within 3 heard 2
missed "$run"
promise "so does a run" within 15 runs 1
# Else the next start would be the same.
over() { [[ $(prop "$1" ActiveState) == inactive ]]; }
within 15 over "$run.service"

promise "asked to run again" systemctl start "$run.service"
promise "one that works is left alone" runs 1
promise "and that is told" grep -q '"event":"left-alone"' /var/lib/agent-orchestrator/events.jsonl
order() { as_fleet sh -c 'echo "$1" >/srv/fleet/upgrader/orders' order "$1"; }
order end
promise "it ends" within 10 is_state upgrader finished
promise "its last screen stays" tmux_of upgrader has-session
promise "asked to run again" systemctl start "$run.service"
promise "one that has finished is run anew" within 10 runs 2
promise "fresh" agent-orchestrator run upgrader --fresh
promise "ends one that works" within 5 runs 3
before=$(pane upgrader)
# What has just begun rests until it shows its first work.
promise "one that works" within 10 is_state upgrader working
order rest
promise "and rests then" within 15 is_state upgrader idle
promise "is run" agent-orchestrator run upgrader
promise "anew" within 5 runs 4
promise "it is ended for that" not kill -0 "$before"
before=$(pane upgrader)
promise "one that works" within 10 is_state upgrader working
order hang
hangs() { grep -qx tail "/proc/$before/comm"; }
promise "and hangs then" within 10 hangs
promise "and shows no work" within 15 is_state upgrader idle
promise "is run" agent-orchestrator run upgrader
promise "anew" within 5 runs 5
promise "it is ended for that" not kill -0 "$before"

agent-orchestrator down upgrader >/dev/null
promise "one that a person has stopped is refused" not systemctl start "$run.service"
promise "and not asked for again: it would run some time after it is lifted" test "$(prop "$run.service" ActiveState)" = failed
systemctl reset-failed "$run.service"
promise "lifted" agent-orchestrator up upgrader
promise "it runs" within 10 runs 6
before=$(pane upgrader)
promise "and works" within 10 is_state upgrader working

systemctl stop "$supervisor"
for asked in "$wake" "$wake" "$run"; do
    promise "asked while no supervisor runs, $asked succeeds" systemctl start "$asked.service"
done
promise "and are kept" test "$(find /var/lib/agent-orchestrator/spool -type f | wc -l)" = 2
promise "the next one starts" systemctl start "$supervisor"
promise "the wake comes" within 15 heard 2
promise "once, though it was asked twice" not within 3 heard 3
promise "the run left alone what works" runs 6
promise "nothing is kept any more" test "$(find /var/lib/agent-orchestrator/spool -type f | wc -l)" = 0
pid=$(supervisor_pid)
kill -STOP "$pid"
systemctl --no-block start "$wake.service"
refused() { (($(prop "$wake.service" NRestarts) > 0)); }
promise "a supervisor that hangs answers no wake, and is asked again" within 40 refused
kill -KILL "$pid"
promise "the next one is" within 30 heard 3
promise "once" not within 3 heard 4
((failed)) && done_with
was_away "$wake"
was_away "$run"
sync
exit 64
