# Agents outlive the supervisor: its restart, its death, its hang, its upgrade; what is pushed meanwhile is handed over.
. "$(dirname "$0")/lib.sh"
cat >/scenarios/extra <<'CONFIG'
[loop]
phases = [{ id = "p1", plan = "p1.md", status = "S.md" }]
[loop.handoff]
repo = "clone"
claim_pattern = '^claim\('
review_pattern = '^review\('
claim_pings = "ada"
review_pings = "bob"
inboxes = []
CONFIG
if [[ ! -e $config ]]; then
    promise "whoever asks before there is a config is told where it is to be" grep -q "own is to be .$config" <(agent-orchestrator status 2>&1)
fi
simple_fleet ada bob
install -d -o agent-orchestrator -g agent-orchestrator /srv/fleet
pushed_to /srv/fleet/clone
promise "the supervisor is ready" start_fleet
promise "once ada runs" pane ada
promise "and bob" pane bob
promise "status names who starts the sessions" grep -q '"mode": "systemd"' <(agent-orchestrator status --json)
read_head() { agent-orchestrator status --json | grep -Eq '"head": "[0-9a-f]{40}"'; }
within 10 read_head
before="$(pane ada) $(pane bob)"
same() { [[ "$(pane ada) $(pane bob)" == "$before" ]]; }
in_unit() { grep -q "agent-orchestrator-session@$1.service" "/proc/$(pane "$1")/cgroup"; }
# What a container gives may be less than the unit's 65536.
open_files() { awk '/^Max open files/ { exit !($4 == $5 && $4 > 4096) }' "/proc/$(supervisor_pid)/limits"; }
promise "the supervisor may open files for hundreds of agents" open_files
promise "an agent's program is in its own unit" in_unit ada
promise "no agent is in the supervisor's unit" not grep -q "$(pane ada)" "/sys/fs/cgroup$(prop "$supervisor" ControlGroup)/cgroup.procs"
promise "the main process of a session unit is its tmux server" grep -q tmux "/proc/$(prop "$(session ada)" MainPID)/comm"

systemctl --no-block restart "$supervisor"
push /srv/fleet/clone "claim(p1): pushed in a restart"
promise "systemctl restart" within 20 is_up "$supervisor"
promise "the same programs run" same
promise "what was pushed meanwhile is handed over, once" heard_once ada "pushed in a restart"
pid=$(supervisor_pid)
kill -KILL "$pid"
push /srv/fleet/clone "review(p1): pushed after a kill"
another() { [[ $(supervisor_pid) != 0 && $(supervisor_pid) != "$pid" ]] && is_up "$supervisor"; }
promise "after kill -9 another supervisor comes" within 20 another
promise "the same programs run" same
promise "what was pushed meanwhile is handed over, once" heard_once bob "pushed after a kill"
pid=$(supervisor_pid)
for signal in TERM INT; do
    kill -$signal "$pid"
    promise "so it does after a SIG$signal that is of no stop" within 20 another
    promise "the same programs run" same
    pid=$(supervisor_pid)
done
pid=$(supervisor_pid)
mkdir -p /run/systemd/system/$supervisor.d
printf '[Service]\nWatchdogSec=3s\nTimeoutAbortSec=3s\n' >/run/systemd/system/$supervisor.d/quick.conf
systemctl daemon-reload
promise "with a shorter watchdog, the supervisor is started anew" systemctl restart "$supervisor"
pid=$(supervisor_pid)
kill -STOP "$pid"
push /srv/fleet/clone "claim(p1): pushed while it hung"
promise "after SIGSTOP the watchdog brings another" within 30 another
promise "the same programs run" same
promise "what was pushed meanwhile is handed over, once" heard_once ada "pushed while it hung"
promise "the watchdog is what ended it" grep -qi watchdog <(journalctl --no-pager -u "$supervisor")
program=$(readlink -f "$(command -v agent-orchestrator)")
if [[ -w $program ]]; then
    cp "$program" "$scratch/new"
    promise "an upgrade replaces the program under the running supervisor" install -m 755 "$scratch/new" "$program"
    push /srv/fleet/clone "claim(p1): pushed to the old program"
    systemctl --no-block restart "$supervisor"
    push /srv/fleet/clone "review(p1): pushed in an upgrade"
    pid=0
    promise "and restarts it" within 20 another
    runs_new() { [[ $(readlink "/proc/$(supervisor_pid)/exe") == "$program" ]]; }
    promise "the new program supervises" runs_new
    promise "the same programs run" same
    promise "what was pushed before is handed over, once" heard_once ada "pushed to the old program"
    promise "what was pushed meanwhile is, once" heard_once bob "pushed in an upgrade"
else
    cannot "the program lies in a store that nobody writes"
fi
promise "systemctl stop of the supervisor leaves them" systemctl stop "$supervisor"
promise "ada's program is alive" kill -0 "${before% *}"
push /srv/fleet/clone "claim(p1): pushed while nobody supervised"
promise "start again" systemctl start "$supervisor"
promise "the same programs run" same
promise "what was pushed meanwhile is handed over, once" heard_once ada "pushed while nobody supervised"

sed -i 's/id = "p1"/id = p1/' "$config"
promise "reload is answered, for a broken config as well" systemctl reload "$supervisor"
promise "which has been read by then" grep -q '"config_error": "line' <(agent-orchestrator status --json)
promise "STATUS= says so" grep -q 'config on disk is broken' <(prop "$supervisor" StatusText)
sed -i 's/id = p1/id = "p1"/' "$config"
promise "reload is answered" systemctl reload "$supervisor"
promise "the mended one is in force" grep -q '"config_error": null' <(agent-orchestrator status --json)
promise "STATUS= is true" status_is_true
promise "the same programs run" same

for property in Requires Requisite BindsTo PartOf UpheldBy ConsistsOf BoundBy RequiredBy; do
    coupled=$(prop "$(session ada)" "$property" | tr ' ' '\n' | grep -Ev '^(sysinit.target|agent-orchestrator.slice|system.slice|.*\.mount)?$')
    promise "no $property= couples a session to what is restarted" test -z "$coupled"
done
promise "out of memory, systemd does not end an agent for one of its processes" test "$(prop "$(session ada)" OOMPolicy)" = continue
promise "oomd takes others first" test "$(prop "$(session ada)" ManagedOOMPreference)" = avoid
promise "systemd itself is executed anew" systemctl daemon-reexec
promise "the same programs run" same
for service in systemd-journald polkit; do
    promise "$service is started anew" systemctl restart $service
    promise "the same programs run" same
done
promise "the target is started anew" systemctl restart agent-orchestrator.target
promise "the same programs run" same
starts() { [[ $(cat /srv/fleet/*/starts | wc -l) == "$1" ]]; }
promise "each agent was started once" starts 2
promise "the supervisor still knows them" is_state ada 'idle|working'

agent-orchestrator down >/dev/null
cat >"$scratch/slow" <<'CONFIG'
[defaults]
log_dir = "/var/log/agent-orchestrator"
project_dir = "/srv/fleet"
backend = "slow"
[watchdog]
max_starting = 1
[backend.slow]
bin = "exec sleep 600"
prompt_delivery = "exec"
input_re = '^> ?(?P<text>.*)$'
ready_max = 3
CONFIG
for agent in e1 e2 e3 e4; do
    printf '[[agent]]\nname = "%s"\nprompt = "begin"\n' "$agent" >>"$scratch/slow"
done
write_config <"$scratch/slow"
printf '[Service]\nTimeoutStartSec=5s\n' >/run/systemd/system/$supervisor.d/quick.conf
systemctl daemon-reload
promise "a fleet whose programs are not ready in time is started for as long as the loop turns" start_fleet
promise "by one supervisor" test "$(prop "$supervisor" NRestarts)" = 0
done_with
