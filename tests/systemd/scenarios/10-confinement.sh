# Every unit is confined: figures of systemd-analyze, and what an agent cannot do from inside.
. "$(dirname "$0")/lib.sh"
echo 'wake = { prompt_file = "/srv/fleet/wake.md", schedule = "hourly" }' >/scenarios/extra-ada
simple_fleet ada bob
start_fleet
within 10 pane ada >/dev/null

exposure() { systemd-analyze security --no-pager "$1" | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p'; }
at_most() {
    local found
    found=$(exposure "$1")
    echo "       $1 $found"
    awk "BEGIN { exit !(\"$found\" != \"\" && $found <= $2) }"
}
promise "exposure of the supervisor is 1.5 at most" at_most "$supervisor" 1.5
for unit in "$supervisor" "$(session ada)" agent-orchestrator-wake@ada.service agent-orchestrator-run@ada.service agent-orchestrator-web.service; do
    echo "       $unit $(exposure "$unit")"
done
promise "exposure of a session is 4.5 at most" at_most "$(session ada)" 4.5
verify() {
    local said
    said=$(systemd-analyze verify "$@" 2>&1 | grep agent-orchestrator | grep -v opencode)
    echo "$said"
    [[ -z $said ]]
}
promise "systemd-analyze verify is clean" verify "$supervisor" "$(session ada)" agent-orchestrator-wake@ada.timer \
    agent-orchestrator-wake@ada.service agent-orchestrator-run@ada.service agent-orchestrator-web.service \
    agent-orchestrator.slice agent-orchestrator.target

# Where a unit may write, asked of its own mounts: the highest folders in which its user could make a file.
writable() {
    sort | awk '{ for (place in seen) if (index($0 "/", place "/") == 1) next; seen[$0]; print }'
}
find_writable='find / ( -path /proc -o -path /sys -o -path /dev -o -path /nix/store ) -prune -o -type d -writable -print'
writes_only() {
    local found
    found=$(writable | paste -s -d ' ')
    echo "found    $found"
    echo "expected $1"
    [[ $found == "$1" ]]
}
of_session() {
    inside ada $find_writable >/dev/null 2>&1
    grep '^/' "$scratch/inside" | writes_only "/run/agent-orchestrator/launch/ada /run/agent-orchestrator/tmux /srv/fleet/ada /tmp /var/lib/agent-orchestrator/home /var/log/agent-orchestrator /var/tmp"
}
promise "an agent can write in no other place than its folder, home, log, socket, launch file and /tmp" of_session
of_supervisor() {
    writes_only "/run/agent-orchestrator /tmp /var/lib/agent-orchestrator /var/log/agent-orchestrator /var/tmp" < <(
        nsenter --target "$(supervisor_pid)" --mount \
            setpriv --reuid=agent-orchestrator --regid=agent-orchestrator --init-groups $find_writable 2>/dev/null
    )
}
promise "the supervisor in no other than its state, log, sockets and /tmp" of_supervisor
# of_unit UNIT EXPECTED: the unit with that look as its program.
of_unit() {
    mkdir -p "/run/systemd/system/$1.d"
    printf '[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart=-%s %s\nStandardOutput=truncate:/run/probe\nStandardError=null\n' \
        "$(command -v env)" "$find_writable" >"/run/systemd/system/$1.d/probe.conf"
    systemctl daemon-reload
    rm -f /run/probe
    systemctl start "$1"
    rm -r "/run/systemd/system/$1.d"
    systemctl daemon-reload
    writes_only "$2" </run/probe
}
for verb in wake run; do
    promise "a calendar's $verb in no other than the state and /tmp" \
        of_unit agent-orchestrator-$verb@probe.service "/tmp /var/lib/agent-orchestrator /var/tmp"
done
[[ -e /etc/agent-orchestrator/web.env ]] || install -m 600 /dev/null /etc/agent-orchestrator/web.env
# Where the module has a web part, it lets it into the projects as well.
projects=
[[ $(prop agent-orchestrator-web ReadWritePaths) != */srv/fleet* ]] || projects="/srv/fleet "
promise "the web part in no other than the shared home, its projects and /tmp" \
    of_unit agent-orchestrator-web.service "$projects/tmp /var/lib/agent-orchestrator/home /var/tmp"
promise "an agent writes its own folder" inside ada touch /srv/fleet/ada/mine
promise "its home" inside ada sh -c 'touch "$HOME/mine"'
promise "its own /tmp" inside ada touch /tmp/mine
promise "which nobody else sees" not inside bob test -e /tmp/mine
promise "not another's folder" not inside ada touch /srv/fleet/bob/x
promise "not the fleet's state" not inside ada touch /var/lib/agent-orchestrator/x
promise "not the config" not inside ada touch /etc/agent-orchestrator/x
promise "not the system" not inside ada touch /usr/local/bin/x
promise "it sees no home" not inside ada ls /root/
promise "it gains no privileges" not inside ada "$(command -v setpriv)" --reuid=0 true
promise "not by a setuid program" not inside ada "$(command -v su)" -c true
promise "it sees all processes" inside ada sh -c 'ps ax >/dev/null'
promise "it runs git" inside ada git init --quiet /srv/fleet/ada/repository
inside bob "$(command -v setsid)" --fork tail -f /dev/null >/dev/null
stray=$(pgrep -u agent-orchestrator -f 'tail -f /dev/null')
promise "a process that has left its session" kill -0 "$stray"
promise "is still in the agent's unit" grep -q "$(session bob)" "/proc/$stray/cgroup"
agent-orchestrator down bob >/dev/null
promise "and ends with it" not kill -0 "$stray"
done_with
