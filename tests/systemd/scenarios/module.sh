# The fleet of the NixOS module, from its own agents.toml: needs its files (AO_TREE, or NixOS).
. "$(dirname "$0")/lib.sh"
agent_program
drop_ins() { prop "$1" DropInPaths; }
loads() { [[ $(prop "$1" LoadState) == loaded ]]; }
of_agent() { tr '\0' '\n' <"/proc/$(pane "$1")/environ"; }

promise "agents.toml is the module's" grep -q 'session_prefix = "t-"' "$config"
promise "every file that it names is there" agent-orchestrator check
promise "systemd finds nothing wrong in its units" systemd-analyze verify --recursive-errors=no \
    "$supervisor" "$(session ada)" agent-orchestrator-wake@bob.timer agent-orchestrator-run@upgrader.timer agent-orchestrator.target
promise "the boot starts the fleet" grep -q multi-user.target <(prop agent-orchestrator.target WantedBy)
promise "its target starts" systemctl start agent-orchestrator.target
promise "and with it the supervisor" within 20 is_up "$supervisor"
promise "ada runs" within 20 pane ada
promise "bob runs" within 20 pane bob
promise "dora runs" within 20 pane dora
promise "a disabled agent does not" is_state emil disabled
promise "nor has its unit been started" test "$(prop "$(session emil)" InvocationID)" = ""
promise "nor does a calendar wait for it" not is_up agent-orchestrator-wake@emil.timer
promise "by name it is not started either" not agent-orchestrator up emil
promise "nor woken" not agent-orchestrator wake emil
promise "a task with a calendar waits for it" is_state upgrader stopped

promise "an agent's drop-in is in force" grep -q "session@ada.service.d/" <(drop_ins "$(session ada)")
promise "and the template's is not read with it" not grep -q "session@.service.d/" <(drop_ins "$(session ada)")
promise "but is of an agent that is no longer configured" grep -q "session@.service.d/" <(drop_ins "$(session gone)")
promise "its bound is in force" test "$(prop "$(session ada)" TasksMax)" = 500
promise "its environment is, literally" grep -qx 'GREETING=100% hello' <(of_agent ada)
promise "its secret is" grep -qx 'SECRET=of ada' <(of_agent ada)
promise "nobody else has that secret" not grep -q SECRET <(of_agent bob)
promise "its home is the fleet's" grep -qx HOME=/var/lib/agent-orchestrator/home <(of_agent ada)
promise "it finds the program" runuser -u agent-orchestrator -- env "$(of_agent ada | grep ^PATH=)" sh -c 'command -v agent-orchestrator'

for timer in agent-orchestrator-wake@bob.timer agent-orchestrator-run@upgrader.timer; do
    promise "$timer waits" is_up "$timer"
    promise "and makes up for a missed time" test "$(prop "$timer" Persistent)" = yes
done
promise "the calendar is the agent's" grep -q 'Sun \*-\*-\* 02:00:00 UTC' <(prop agent-orchestrator-run@upgrader.timer TimersCalendar)

promise "a folder that was made is the fleet's" test "$(stat -c %U:%a /srv/fleet/bob)" = agent-orchestrator:750
promise "an operator may look" runuser -u nobody -G agent-orchestrator -- agent-orchestrator status
promise "somebody else runs programs" runuser -u messagebus -- true
promise "nobody else may" not runuser -u messagebus -- agent-orchestrator send ada hello
rights() { runuser -u agent-orchestrator -- systemctl --no-ask-password "$@"; }
promise "the fleet's user may not stop another unit" not rights stop systemd-journald.service
promise "nor start one of its own making" not runuser -u agent-orchestrator -- systemd-run --no-ask-password true
before=$(pane ada)
promise "a restart of the supervisor" systemctl restart "$supervisor"
promise "reaches no agent" test "$(pane ada)" = "$before"
done_with
