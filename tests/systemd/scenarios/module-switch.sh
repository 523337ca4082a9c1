# A rebuild of a host with the NixOS module, to a changed fleet: needs both of its trees (AO_TREE, or NixOS).
. "$(dirname "$0")/lib.sh"
agent_program
systemctl start agent-orchestrator.target
promise "ada runs" within 20 pane ada
promise "bob runs" within 20 pane bob
ada=$(pane ada) bob=$(pane bob) pid=$(supervisor_pid)

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
done_with
