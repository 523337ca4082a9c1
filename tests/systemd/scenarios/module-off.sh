# A rebuild that switches the NixOS module off and on again: needs its tree (AO_TREE, or NixOS).
. "$(dirname "$0")/lib.sh"
base=$(readlink --canonicalize-existing /run/current-system || true)
agent_program
systemctl start agent-orchestrator.target
for agent in ada bob dora; do promise "$agent runs" within 20 pane "$agent"; done
promise "bob is stopped by a person" agent-orchestrator down bob
ada=$(pane ada) dora=$(pane dora) pid=$(supervisor_pid)

active() { systemctl list-units --plain --no-legend --state=active,activating,deactivating 'agent-orchestrator*' | cut -d ' ' -f 1; }
# The places of the module's files, which NixOS replaces as a whole.
places=(etc/systemd/system usr/lib/systemd/system etc/polkit-1/rules.d etc/tmpfiles.d)
saved=/scenarios/saved
# What `nixos-rebuild switch` does with units whose files are gone: it stops those that do not refuse it, all at once.
switch_off() {
    if [[ $base ]]; then
        "$base/specialisation/off/bin/switch-to-configuration" test
        return
    fi
    local unit gone=() place
    for unit in $(active); do
        grep -q "^X-StopOnRemoval=false" <(systemctl cat "$unit") || gone+=("$unit")
    done
    systemctl stop "${gone[@]}"
    for place in "${places[@]}"; do
        mkdir -p "$saved/$place"
        find "/$place" -mindepth 1 -maxdepth 1 \( -name 'agent-orchestrator*' -o -name '*-nixos.*' \) -exec mv -t "$saved/$place" {} +
    done
    systemctl daemon-reload
}
switch_on() {
    if [[ $base ]]; then
        "$base/bin/switch-to-configuration" test
        return
    fi
    local place
    # Each by one step, and no folder is changed: what polkitd cannot read just when it comes it does not read again.
    for place in "${places[@]}"; do find "$saved/$place" -mindepth 1 -maxdepth 1 -exec mv -t "/$place" {} +; done
    systemctl daemon-reload
    systemctl start agent-orchestrator.target
}
promise "the host is switched, and the fleet off" switch_off
for process in "$pid" "$ada" "$dora"; do promise "process $process is gone" not kill -0 "$process"; done
nothing_active() { [[ -z $(active) ]]; }
promise "no unit of the fleet is active" within 10 nothing_active
promise "none is known" test "$(prop agent-orchestrator.service LoadState)" = not-found
promise "none has failed" test -z "$(systemctl list-units --all --state=failed --plain --no-legend 'agent-orchestrator*')"
promise "the state is kept" test -s /var/lib/agent-orchestrator/state.json
promise "the host is switched, and the fleet on" switch_on
promise "ada runs again" within 20 pane ada
promise "dora runs again" within 20 pane dora
promise "what a person has stopped stays so" is_state bob stopped
promise "and the calendars wait" is_up agent-orchestrator-wake@ada.timer agent-orchestrator-run@upgrader.timer
done_with
