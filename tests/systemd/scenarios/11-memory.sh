# An agent that eats memory is ended alone: its limit is its own, its terminal stays, and the fleet does not notice.
. "$(dirname "$0")/lib.sh"
if ! grep -qw memory /sys/fs/cgroup/cgroup.controllers; then
    not_here "no memory limits without the kernel's memory controller; AO_QEMU=1 boots a kernel that has it"
fi
cat >/scenarios/extra <<'CONFIG'
[[agent]]
name = "glutton"
backend = "glutton"
dir = "glutton"
prompt = "begin"
[backend.glutton]
bin = "exec /srv/fleet/glutton.sh"
prompt_delivery = "exec"
input_re = '^> ?(?P<text>.*)$'
connect_delay = 1
ready_max = 30
CONFIG
simple_fleet ada bob
install -d -o agent-orchestrator -g agent-orchestrator /srv/fleet/glutton
# Eats all that it can get the first time, and behaves from then on.
cat >/srv/fleet/glutton.sh <<'PROGRAM'
#!/bin/sh
[ -e fed ] || { touch fed; exec tail /dev/zero; }
exec /srv/fleet/agent.sh
PROGRAM
chmod 755 /srv/fleet/glutton.sh
for agent in ada glutton; do
    printf '[Service]\nMemoryMax=64M\nMemorySwapMax=0\n' | drop_in "$(session "$agent")" 20-limits
done
systemctl daemon-reload
start_fleet
within 20 pane bob >/dev/null
bob=$(pane bob)
killed() { grep -q '"agent":"glutton".*signal 9' /var/lib/agent-orchestrator/events.jsonl; }
promise "an agent that eats too much is killed" within 30 killed
promise "and started again" within 30 pane glutton
promise "its unit has not failed" is_up "$(session glutton)"
within 20 pane ada >/dev/null
ada=$(pane ada)
promise "a command of an agent that eats too much is killed" not inside ada tail /dev/zero
promise "not the agent" test "$(pane ada)" = "$ada"
promise "nor its unit" is_up "$(session ada)"
promise "which goes on working" inside ada true
promise "nobody else was touched" test "$(pane bob)" = "$bob"
promise "nor the supervisor" test "$(prop "$supervisor" NRestarts)" = 0
done_with
