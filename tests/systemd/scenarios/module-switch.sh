# A rebuild of a host with the NixOS module, to a changed fleet: needs both of its trees (AO_TREE, or NixOS).
. "$(dirname "$0")/lib.sh"
unit_is() { [[ $(prop "$1" ActiveState) == "$2" ]]; }
calendars() { systemctl list-timers --all --no-legend --plain 'agent-orchestrator*' | grep -o 'agent-orchestrator-[^ ]*timer' | sort | paste -s -d ' '; }
if ((SCENARIO_BOOT == 2)); then
    promise "a boot starts ada" within 20 pane ada
    promise "and the new agent" within 20 pane eve
    promise "not the disabled one" is_state dora disabled
    promise "whose unit has never been started" test "$(prop "$(session dora)" InvocationID)" = ""
    promise "of the calendars only those of the enabled are there" test "$(calendars)" = agent-orchestrator-wake@ada.timer
    done_with
fi
agent_program
systemctl start agent-orchestrator.target
for agent in ada bob dora; do promise "$agent runs" within 20 pane "$agent"; done
for timer in wake@dora run@upgrader; do promise "$timer.timer waits" is_up "agent-orchestrator-$timer.timer"; done
ada=$(pane ada) bob=$(pane bob) dora=$(pane dora) pid=$(supervisor_pid)

# What `nixos-rebuild switch` does: the new files; a stop of the units whose own file is gone, a reload of systemd and of
# the units whose reload trigger has changed, a start of what is wanted. Changed sessions are not to be touched.
switch() {
    if [[ -e /run/current-system/specialisation/changed ]]; then
        /run/current-system/specialisation/changed/bin/switch-to-configuration test
        return
    fi
    local unit
    for unit in $(cd /etc/systemd/system && ls -d agent-orchestrator*.timer); do
        [[ -e /scenarios/changed/etc/systemd/system/$unit ]] || systemctl stop "$unit"
    done
    rm -r /etc/systemd/system/agent-orchestrator*
    # Modes and owners stay as they are: a folder that is root's for a moment hides its rules from polkitd, which reads them
    # just then and not again. NixOS changes no folder: its /etc is one link that is replaced.
    cp -r /scenarios/changed/. /
    systemctl daemon-reload
    systemd-tmpfiles --create
    systemctl reload "$supervisor"
    systemctl start agent-orchestrator.target
}
promise "the host is switched" switch
promise "the supervisor is the same" test "$(supervisor_pid)" = "$pid"
promise "a new agent is started" within 20 pane eve
promise "an agent that is gone is ended" within 20 not is_up "$(session bob)"
promise "its program too" not kill -0 "$bob"
promise "and its calendar" not is_up agent-orchestrator-wake@bob.timer
promise "a disabled agent is ended" within 20 unit_is "$(session dora)" inactive
promise "its program too" not kill -0 "$dora"
promise "it is shown as disabled" is_state dora disabled
promise "neither its calendar" not is_up agent-orchestrator-wake@dora.timer
promise "nor that of a disabled task waits" not is_up agent-orchestrator-run@upgrader.timer
promise "of the calendars only those of the enabled are there" test "$(calendars)" = agent-orchestrator-wake@ada.timer
promise "a person may not start it" not agent-orchestrator up dora
promise "nor run the task" not agent-orchestrator run upgrader
systemctl start "$(session dora)"
promise "started by its unit it is ended again" within 20 unit_is "$(session dora)" inactive
promise "a changed agent goes on" test "$(pane ada)" = "$ada"
promise "its new bound is in force" test "$(prop "$(session ada)" TasksMax)" = 400
bound=/sys/fs/cgroup$(prop "$(session ada)" ControlGroup)/pids.max
if [[ -e $bound ]]; then
    promise "for the kernel as well" test "$(cat "$bound")" = 400
else
    cannot "the kernel bounds no cgroup here"
fi
greeting() { tr '\0' '\n' <"/proc/$(pane ada)/environ" | grep -qx "GREETING=$1"; }
promise "its environment is that of its start" greeting '100% hello'
promise "a restart by hand" agent-orchestrator restart ada
promise "brings the new one" greeting 'good bye'
promise "and the new prompt" grep -q 'begin anew' /var/lib/agent-orchestrator/kickoff-t-ada.txt

if [[ -e /run/current-system ]]; then
    cannot "a boot is one of the first configuration"
    done_with
fi
((failed)) && done_with
sync
exit 64
