# Every unit is confined: figures of systemd-analyze, and what an agent cannot do from inside.
. "$(dirname "$0")/lib.sh"
echo 'wake = { prompt_file = "/srv/fleet/wake.md", schedule = "hourly" }' >/scenarios/extra-ada
simple_fleet ada bob dan
start_fleet
within 10 pane ada >/dev/null

# The figures of the README, and not a tenth more; another systemd than theirs may see one thing more.
slack=0.2
[[ $(systemctl --version) != "systemd 257 "* ]] || slack=0
at_most() {
    local found
    found=$(systemd-analyze security --no-pager "$1" | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p')
    echo "$found"
    awk "BEGIN { exit !(\"$found\" != \"\" && $found <= $2 + $slack) }"
}
promise "exposure of the supervisor is 1.3 at most" at_most "$supervisor" 1.3
promise "of a session 2.9" at_most "$(session ada)" 2.9
promise "of a wake 0.4" at_most agent-orchestrator-wake@ada.service 0.4
promise "of a run 0.4" at_most agent-orchestrator-run@ada.service 0.4
promise "of the web part 1.7" at_most agent-orchestrator-web.service 1.7
# What it says of other units, and that nobody has installed the web part's program, is not meant.
verify() {
    local said code=0
    said=$(systemd-analyze verify --recursive-errors=no "$@" 2>&1) || code=$?
    echo "status $code: $said"
    ((code <= 1)) && not grep -v opencode <(grep agent-orchestrator <<<"$said")
}
promise "systemd-analyze verify is clean" verify "$supervisor" "$(session ada)" agent-orchestrator-wake@ada.timer \
    agent-orchestrator-wake@ada.service agent-orchestrator-run@ada.service agent-orchestrator-web.service \
    agent-orchestrator.slice agent-orchestrator.target

promise "an agent can write in no other place than its folder, home, log, socket, launch file, its /tmp and /dev" agent_writes_only ada \
    "/dev/mqueue /dev/shm /run/agent-orchestrator/launch/ada /run/agent-orchestrator/tmux /srv/fleet/ada /tmp /var/lib/agent-orchestrator/home /var/log/agent-orchestrator /var/tmp"
of_supervisor() {
    writes_only "/dev/mqueue /run/agent-orchestrator /tmp /var/lib/agent-orchestrator /var/log/agent-orchestrator /var/tmp" < <(
        nsenter --target "$(supervisor_pid)" --mount \
            setpriv --reuid=agent-orchestrator --regid=agent-orchestrator --init-groups $find_writable 2>/dev/null
    )
}
promise "the supervisor in no other than its state, log, sockets, its own /tmp and message queues" of_supervisor
# of_unit UNIT EXPECTED: the unit with that look as its program, by its whole path, since a unit's PATH is not this script's.
of_unit() {
    mkdir -p "/run/systemd/system/$1.d"
    printf '[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart=-%s\nStandardOutput=truncate:/run/probe\nStandardError=null\n' \
        "$(command -v find)${find_writable#find}" >"/run/systemd/system/$1.d/probe.conf"
    systemctl daemon-reload
    rm -f /run/probe
    systemctl restart "$1"
    rm -r "/run/systemd/system/$1.d"
    systemctl daemon-reload
    writes_only "$2" </run/probe
}
for verb in wake run; do
    promise "a calendar's $verb in no other than the state, its own /tmp and message queues" \
        of_unit agent-orchestrator-$verb@probe.service "/dev/mqueue /tmp /var/lib/agent-orchestrator /var/tmp"
done
[[ -e /etc/agent-orchestrator/web.env ]] || echo OPENCODE_SERVER_PASSWORD=open >/etc/agent-orchestrator/web.env
# Where the module has a web part, it lets it into the projects as well.
projects=
[[ $(prop agent-orchestrator-web ReadWritePaths) != */srv/fleet* ]] || projects="/srv/fleet "
promise "the web part in no other than the shared home, its projects, its own /tmp and /dev" \
    of_unit agent-orchestrator-web.service "/dev/mqueue /dev/shm $projects/tmp /var/lib/agent-orchestrator/home /var/tmp"
cat >/var/lib/agent-orchestrator/home/program <<'PROGRAM'
#!/bin/sh
id -un >/tmp/who-checks
echo 2.1.197
PROGRAM
chmod 755 /var/lib/agent-orchestrator/home/program
cp "$config" "$scratch/whole"
printf '[backend.claude]\nbin = "/var/lib/agent-orchestrator/home/program"\n[[agent]]\nname = "eve"\nbackend = "claude"\nprompt = "x"\n' >>"$config"
agent-orchestrator check >/dev/null
promise "what an agent can write is not run by root's check" grep -qx agent-orchestrator /tmp/who-checks
cp "$scratch/whole" "$config"
promise "an agent writes its own folder" inside ada touch /srv/fleet/ada/mine
promise "its home" inside ada sh -c 'touch "$HOME/mine"'
promise "its own /tmp" inside ada touch /tmp/mine
promise "which nobody else sees" not inside bob test -e /tmp/mine

# What only the confinement keeps an agent from: dan is the same without it, and may.
mkdir -p "/run/systemd/system/$(session dan).d"
cat >"/run/systemd/system/$(session dan).d/90-loose.conf" <<'LOOSE'
[Service]
CapabilityBoundingSet=~
ProtectSystem=no
ReadOnlyPaths=
TemporaryFileSystem=
ProtectHome=no
PrivateTmp=no
PrivateDevices=no
ProtectControlGroups=no
ProtectHostname=no
ProtectKernelLogs=no
ProtectKernelModules=no
ProtectKernelTunables=no
ProtectClock=no
LockPersonality=no
PrivateIPC=no
InaccessiblePaths=
RestrictNamespaces=no
RestrictRealtime=no
RestrictSUIDSGID=no
RestrictAddressFamilies=
SystemCallArchitectures=
SystemCallFilter=
NoNewPrivileges=no
LOOSE
systemctl daemon-reload
promise "an agent without confinement runs" agent-orchestrator restart dan
within 10 pane dan >/dev/null
# kept_from TEXT COMMAND...
kept_from() {
    promise "$1" not inside ada "${@:2}"
    promise "  which is the unit's doing" inside dan "${@:2}"
}
for folder in /etc/scenario /usr/scenario /home/someone; do
    install -d "$folder"
    chown agent-orchestrator: "$folder"
done
echo public >/home/someone/file
echo public >/tmp/scenario
echo public >/dev/scenario
echo public >/dev/shm/scenario
install -m 4755 "$(command -v id)" /srv/fleet/id
kept_from "it does not write another's folder" touch /srv/fleet/bob/x
kept_from "nor the fleet's state" touch /var/lib/agent-orchestrator/x
kept_from "nor where the sockets lie" touch /run/agent-orchestrator/x
kept_from "nor configuration" touch /etc/scenario/x
kept_from "nor the system" touch /usr/scenario/x
kept_from "it reads no home" cat /home/someone/file
kept_from "nor what others have in /tmp" cat /tmp/scenario
kept_from "nor devices" cat /dev/scenario
kept_from "nor what others share in memory" cat /dev/shm/scenario
kept_from "nor by what the supervisor knows its own" cat /run/agent-orchestrator/secret
kept_from "nor what others are started with" ls /run/agent-orchestrator/launch/bob
kept_from "it becomes nobody else by a setuid program" sh -c '[ "$(/srv/fleet/id -u)" = 0 ]'
kept_from "it makes none" chmod 4755 /srv/fleet/ada/mine
kept_from "no privilege can come to it" grep -q '^CapBnd:.*[1-9a-f]' /proc/self/status
promise "it sees all processes" inside ada sh -c 'ps ax >/dev/null'
promise "it runs git" inside ada git init --quiet /srv/fleet/ada/repository
inside bob "$(command -v setsid)" --fork tail -f /dev/null >/dev/null
stray=$(pgrep -u agent-orchestrator -f 'tail -f /dev/null')
promise "a process that has left its session" kill -0 "$stray"
promise "is still in the agent's unit" grep -q "$(session bob)" "/proc/$stray/cgroup"
agent-orchestrator down bob >/dev/null
promise "and ends with it" not kill -0 "$stray"
done_with
