# A rebuild that gives the fleet's state another folder: needs both trees of the NixOS module (AO_TREE, or NixOS).
. "$(dirname "$0")/lib.sh"
place=/var/lib/agent-orchestrator
is_mounted() { mountpoint --quiet "$place"; }
begin() { systemctl start agent-orchestrator.target; }
# What follows the stop of the slice is not waited for by systemctl.
end() { systemctl stop agent-orchestrator.slice && within 10 not is_mounted; }
# Neither is what a fresh state says.
is_kept() { within 20 is_state bob stopped && test -e "$place/home/mine"; }

if ((SCENARIO_BOOT == 2)); then
    promise "a boot mounts it before the fleet" is_mounted
    promise "ada runs" within 20 pane ada
    promise "on the state that was" is_kept
    # A second look at the disk, without what is mounted.
    mount --bind / /mnt
    promise "its place is nobody's" test "$(stat -c %U:%a "/mnt$place")" = root:700
    promise "and nothing was written there" test -z "$(ls -A "/mnt$place")"
    done_with
fi

agent_program
begin
promise "ada runs" within 20 pane ada
promise "bob runs" within 20 pane bob
promise "bob is stopped by a person" agent-orchestrator down bob
promise "ada writes into her home" inside ada sh -c 'echo >~/mine'
ada=$(pane ada) pid=$(supervisor_pid)

# What is new is wanted by nothing that is restarted.
promise "the host is switched" switched_to moved systemctl start agent-orchestrator.target
promise "the supervisor is the same" test "$(supervisor_pid)" = "$pid"
promise "ada goes on" test "$(pane ada)" = "$ada"
promise "nothing is put over what she sees" not is_mounted
promise "the new folder is there" test "$(stat -c %U:%G:%a /srv/state /srv/state/home | tr '\n' ' ')" = \
    "agent-orchestrator:agent-orchestrator:750 agent-orchestrator:agent-orchestrator:700 "
promise "a restart of the supervisor" systemctl restart "$supervisor"
promise "goes on with the old one" not is_mounted
promise "and with ada" test "$(pane ada)" = "$ada"
promise "and with what was" is_kept
promise "nobody mounts it by hand meanwhile" systemctl start agent-orchestrator-state
promise "so that it is still not there" not is_mounted

promise "all is stopped" end
promise "and moved" cp -a "$place/." /srv/state/
promise "a new start" begin
promise "finds it mounted" is_mounted
promise "from its folder" test "$(stat -c %d:%i "$place")" = "$(stat -c %d:%i /srv/state)"
promise "ada runs again" within 20 pane ada
promise "on the state that was" is_kept
promise "and writes into her home" inside ada sh -c 'echo >~/again'
promise "which lies in the new folder" test -e /srv/state/home/again
ada=$(pane ada)
promise "another restart of the supervisor" systemctl restart "$supervisor"
promise "reaches no agent" test "$(pane ada)" = "$ada"
promise "nobody takes it away" not systemctl stop agent-orchestrator-state

promise "all is stopped again, and unmounted" end
mv /srv/state /srv/away
promise "without its folder the supervisor does not start" not systemctl start "$supervisor"
promise "nor does the web part" not systemctl start agent-orchestrator-web
promise "nor is anything asked" not systemctl start agent-orchestrator-wake@bob
mv /srv/away /srv/state
promise "with it all is well" begin
promise "and ada runs" within 20 pane ada

if [[ -e /run/current-system/specialisation ]]; then
    cannot "a boot is one of the first configuration"
    done_with
fi
end
rm -r "${place:?}"
((failed)) && done_with
exit 64
