# polkit allows the supervisor exactly what it must: start, stop and restart of session units.
. "$(dirname "$0")/lib.sh"
simple_fleet ada bob
start_fleet
within 10 pane ada >/dev/null

# as_unit UNIT COMMAND...: as the fleet's user, in that unit's cgroup, where polkit sees it.
as_unit() {
    local group
    group=/sys/fs/cgroup$(prop "$1" ControlGroup)
    shift
    (
        echo "$BASHPID" >"$group/cgroup.procs" || exit 1
        exec setpriv --reuid=agent-orchestrator --regid=agent-orchestrator --init-groups -- "$@"
    )
}
ask() { as_unit "$supervisor" systemctl --no-ask-password "$@"; }
# refused_as WORDS COMMAND...: it is refused in these words. On a busy machine polkit may not have answered in time, which is no
# answer: then it is asked again, but nothing is that was allowed.
refused_as() {
    answered() { "${@:2}" >"$scratch/refusal" 2>&1 || grep -Eqi "$1" "$scratch/refusal"; }
    within 30 answered "$@"
    cat "$scratch/refusal"
    grep -Eqi "$1" "$scratch/refusal"
}
refused() { refused_as 'access denied|authentication (is )?required|not permitted' "$@"; }
ada=$(session ada)

promise "the supervisor may restart a session" ask restart "$ada"
promise "stop one" ask stop "$ada"
promise "start one" ask start "$ada"
promise "not another unit" refused ask restart systemd-logind.service
promise "not itself" refused ask stop "$supervisor"
promise "not the web part" refused ask start agent-orchestrator-web.service
promise "not a unit with a similar name" refused ask start agent-orchestrator-session@ada.socket
promise "not the slice" refused ask stop agent-orchestrator.slice
promise "not the verb kill" refused ask kill "$ada"
promise "not the verb reload-or-restart" refused ask reload-or-restart "$ada"
promise "not set-property" refused ask set-property --runtime "$ada" MemoryMax=1G
promise "not enable" refused ask enable "$supervisor"
promise "not mask" refused ask mask --runtime "$ada"
promise "not daemon-reload" refused ask daemon-reload
promise "not a transient unit" refused as_unit "$supervisor" systemd-run --no-ask-password true
promise "not a transient unit of a session's name" \
    refused_as 'access denied|authentication (is )?required|has a fragment' as_unit "$supervisor" \
    systemd-run --no-ask-password --unit=agent-orchestrator-session@new.service true
promise "not a reboot" refused ask reboot
# at_least VERSION OTHER
at_least() { [[ $(printf '%s\n' "$1" "$2" | sort --version-sort | head -n 1) == "$2" ]]; }
polkit=$(pkaction --version | grep -o '[0-9.]*$')
bus=$(dbus-daemon --version 2>/dev/null | sed -n 's/.*Daemon \([0-9.]*\).*/\1/p')
if at_least "$polkit" 124 && at_least "${bus:-1.16}" 1.16; then
    promise "an agent may not restart another, though it has the same user" \
        refused as_unit "$(session bob)" systemctl --no-ask-password restart "$ada"
else
    cannot "polkit $polkit with dbus $bus does not tell units apart: agents of the same user may restart each other"
fi
# The module installs nothing.
if [[ ${SCENARIO_UNITS:-} != module ]]; then
    mkdir "$scratch/bin"
    # installed VERSION: what an install says where polkit is of that version.
    installed() {
        printf '#!/bin/sh\necho pkaction version %s\n' "$1" >"$scratch/bin/pkaction"
        chmod 755 "$scratch/bin/pkaction"
        PATH="$scratch/bin:$PATH" agent-orchestrator install
    }
    promise "where polkit reads the rule, an install says nothing of it" not grep hint: /scenarios/install.log
    promise "an older one does not, and it says what helps" \
        grep -x 'hint: .*(this is pkaction version 124).*50-agent-orchestrator.rules.*/etc/polkit-1/rules.d' <(installed 124)
    promise "nor does one of long ago" grep 'hint: .*(this is pkaction version 0.106)' <(installed 0.106)
fi
done_with
