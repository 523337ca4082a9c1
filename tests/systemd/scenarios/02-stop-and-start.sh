# Deaths are healed by unit; what systemctl does to one session is deliberate; the target ends and starts everything.
. "$(dirname "$0")/lib.sh"
simple_fleet ada bob
start_fleet
first=$(within 10 pane ada)
main=$(prop "$(session ada)" MainPID)
kill -KILL "$first"
runs_anew() { local now; now=$(pane "$1") && [[ $now != "$2" ]]; }
promise "a program that dies is started again" within 15 runs_anew ada "$first"
promise "in a new unit of its own" test "$(prop "$(session ada)" MainPID)" != "$main"

second=$(pane ada)
kill -KILL "$(prop "$(session ada)" MainPID)"
promise "a tmux server that is killed is started again" within 20 runs_anew ada "$second"

third=$(pane bob)
tmux_of bob kill-server
promise "one that ends by itself is no deliberate stop" within 20 runs_anew bob "$third"

promise "systemctl stop of one session" systemctl stop "$(session ada)"
promise "is a deliberate stop" within 10 is_state ada stopped
systemctl restart "$supervisor"
promise "that another supervisor remembers" is_state ada stopped
promise "STATUS= counts it" status_is_true
promise "and does not undo" not within 3 pane ada
promise "systemctl start" systemctl start "$(session ada)"
promise "lifts it" within 15 is_state ada 'idle|working|starting'
promise "and its program runs" within 10 pane ada
promise "up and down do the same" agent-orchestrator down ada
promise "the unit is inactive" not is_up "$(session ada)"
promise "up lifts it" agent-orchestrator up ada
promise "the unit is active" is_up "$(session ada)"

systemctl stop "$supervisor"
systemctl stop "$(session ada)"
systemctl start "$supervisor"
promise "a stop while nobody supervised is deliberate as well" within 10 is_state ada stopped
agent-orchestrator up ada >/dev/null

before=$(pane ada)
other() { [[ $(pane ada) != "$before" ]]; }
promise "a restart of the target" systemctl restart agent-orchestrator.target
promise "reaches no agent" not within 3 other
promise "a stop of the target" systemctl stop agent-orchestrator.target
promise "ends the supervisor" not is_up "$supervisor"
promise "and no agent" not within 1 other
systemctl start agent-orchestrator.target
promise "a stop of the slice" systemctl stop agent-orchestrator.slice
promise "ends the supervisor" not is_up "$supervisor"
promise "and every agent" not is_up 'agent-orchestrator-session@*'
promise "nothing of the fleet is left" not pgrep -u agent-orchestrator -a
promise "a start of the supervisor" systemctl start "$supervisor"
promise "brings ada back" within 10 pane ada
promise "and bob" within 10 pane bob
promise "no unit has failed" test -z "$(systemctl list-units --failed --no-legend 'agent-orchestrator*')"

promise "down ends everything, the supervisor last" agent-orchestrator down
promise "it is not started again by itself" not within 3 is_up "$supervisor"
promise "up says what starts it" grep -q 'systemctl start' <(agent-orchestrator up 2>&1)
done_with
