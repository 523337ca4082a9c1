# Agents outlive the supervisor: its restart, its death, its hang, its upgrade.
. "$(dirname "$0")/lib.sh"
simple_fleet ada bob
promise "the supervisor is ready once its agents run" start_fleet
promise "status names who starts the sessions" grep -q '"mode": "systemd"' <(agent-orchestrator status --json)
promise "ada runs" within 10 pane ada
promise "bob runs" within 10 pane bob
before="$(pane ada) $(pane bob)"
same() { [[ "$(pane ada) $(pane bob)" == "$before" ]]; }
in_unit() { grep -q "agent-orchestrator-session@$1.service" "/proc/$(pane "$1")/cgroup"; }
promise "an agent's program is in its own unit" in_unit ada
promise "no agent is in the supervisor's unit" not grep -q "$(pane ada)" "/sys/fs/cgroup$(prop "$supervisor" ControlGroup)/cgroup.procs"
promise "the main process of a session unit is its tmux server" grep -q tmux "/proc/$(prop "$(session ada)" MainPID)/comm"

promise "systemctl restart" systemctl restart "$supervisor"
promise "the same programs run" same
pid=$(supervisor_pid)
kill -KILL "$pid"
another() { [[ $(supervisor_pid) != 0 && $(supervisor_pid) != "$pid" ]] && is_up "$supervisor"; }
promise "after kill -9 another supervisor comes" within 20 another
promise "the same programs run" same
pid=$(supervisor_pid)
mkdir -p /run/systemd/system/$supervisor.d
printf '[Service]\nWatchdogSec=3s\nTimeoutAbortSec=3s\n' >/run/systemd/system/$supervisor.d/quick.conf
systemctl daemon-reload
systemctl restart "$supervisor"
pid=$(supervisor_pid)
kill -STOP "$pid"
promise "after SIGSTOP the watchdog brings another" within 30 another
promise "the same programs run" same
promise "the watchdog is what ended it" grep -qi watchdog <(journalctl --no-pager -u "$supervisor")
program=$(readlink -f "$(command -v agent-orchestrator)")
if [[ -w $program ]]; then
    cp "$program" "$scratch/new"
    promise "an upgrade replaces the program under the running supervisor" install -m 755 "$scratch/new" "$program"
    promise "and restarts it" systemctl restart "$supervisor"
    promise "the same programs run" same
else
    cannot "the program lies in a store that nobody writes"
fi
promise "systemctl stop of the supervisor leaves them" systemctl stop "$supervisor"
promise "ada's program is alive" kill -0 "${before% *}"
promise "start again" systemctl start "$supervisor"
promise "the same programs run" same
promise "reload is answered" systemctl reload "$supervisor"
promise "the same programs run" same
starts() { [[ $(cat /srv/fleet/*/starts | wc -l) == "$1" ]]; }
promise "each agent was started once" starts 2
done_with
