# What the scenarios share. They run as root inside a booted machine that has the units installed, and touch nothing
# outside of it: the same files run in a container, in QEMU and in a NixOS test.
set -uo pipefail

failed=0 over=
scratch=$(mktemp -d)
# A scenario that ends well without its last line has not made all of its promises.
leave() {
    local code=$?
    rm -rf "$scratch"
    if ((code == 0)) && [[ ! $over ]]; then
        echo "FAIL - it ended before its last line"
        exit 1
    fi
}
trap leave EXIT
config=/etc/agent-orchestrator/agents.toml
supervisor=agent-orchestrator.service
# Where the agents of a simple fleet have their folders.
fleet=/srv/fleet

# promise TEXT COMMAND...: the command must succeed, and whatever it ran must have been able to answer.
promise() {
    local text=$1
    shift
    if "$@" >"$scratch/said" 2>&1 && [[ ! -s $scratch/broken ]]; then
        echo "ok   - $text"
    else
        echo "FAIL - $text"
        { uniq "$scratch/said" | tail -n 25 && cat "$scratch/broken"; } | sed 's/^/       /'
        : >"$scratch/broken"
        failed=1
    fi
}
: >"$scratch/broken"

# switched_to NAME COMMAND...: the module's files of that name come in the place of those that are there; COMMAND is what
# else of NixOS's own switch matters to them.
switched_to() {
    local name=$1 system=/run/current-system/specialisation
    shift
    if [[ -e $system/$name ]]; then
        "$system/$name/bin/switch-to-configuration" test
        return
    fi
    cp -r "/scenarios/$name/." / && systemctl daemon-reload || return
    # It fails where a line names a person whom only the virtual machine has, after all that it can do.
    systemd-tmpfiles --create || true
    "$@"
}

# broken WORDS: notes that something could not be asked at all, which is neither yes nor no; the promise fails then.
broken() { echo "it could not be asked: $*" >>"$scratch/broken"; }

# not COMMAND...: the command must answer with no. One that cannot be run, or a grep that cannot read, has not answered.
not() {
    local code=0
    "$@" || code=$?
    if ((code == 126 || code == 127)) || [[ $1 == grep && $code -gt 1 ]]; then
        broken "status $code of $*"
    fi
    ((code != 0))
}

# within SECONDS COMMAND...: the command succeeds at last; a machine has no single event for all that is waited for.
# SCENARIO_PATIENCE says how many times slower than usual the machine is.
within() {
    local end=$((SECONDS + $1 * ${SCENARIO_PATIENCE:-1}))
    shift
    until "$@"; do
        if ((SECONDS >= end)); then
            echo "not within the time: $*"
            return 1
        fi
        read -r -t 0.1 <>"$scratch/never" || true
    done
}
mkfifo "$scratch/never"

# cannot WHY: a part of the scenario cannot be here; it goes on. not_here WHY: nothing of it can.
cannot() { echo "note - not here: $1"; }
not_here() {
    cannot "$1"
    exit 77
}

# done_with: to be the last line.
done_with() {
    if [[ -s $scratch/broken ]]; then promise "everything could be asked" false; fi
    if ((failed)); then
        echo "----- status and journal"
        systemctl --no-pager --lines=0 --all list-units 'agent-orchestrator*'
        agent-orchestrator status
        journalctl --no-pager --output=short-precise -n 60
    fi
    over=yes
    exit "$failed"
}

session() { echo "agent-orchestrator-session@$1.service"; }
as_fleet() { setpriv --reuid=agent-orchestrator --regid=agent-orchestrator --init-groups -- "$@"; }
# tmux_of NAME COMMAND...: asks an agent's tmux server as the agent's user.
tmux_of() {
    local own=/run/agent-orchestrator/launch/$1/tmux
    if [[ -S $own ]]; then
        setpriv --reuid="$(stat -c %U "$own")" --regid=agent-orchestrator --clear-groups tmux -S "$own" "${@:2}"
    else
        as_fleet tmux -S "/run/agent-orchestrator/tmux/$1" "${@:2}"
    fi
}
# pane NAME: process id of the agent's program; fails without one.
pane() { tmux_of "$1" display-message -p -t "=$(session_name "$1"):" '#{?pane_dead,,#{pane_pid}}' | grep .; }
session_name() { agent-orchestrator status --json | sed -n "/\"name\": \"$1\"/,/\"session\"/s/.*\"session\": \"\(.*\)\".*/\1/p"; }
state_of() { agent-orchestrator status --json | sed -n "/\"name\": \"$1\"/,/\"state\"/s/.*\"state\": \"\(.*\)\".*/\1/p"; }
is_state() { [[ $(state_of "$1") =~ ^($2)$ ]]; }
supervisor_pid() { systemctl show --property=MainPID --value "$supervisor"; }
# is_up UNIT...: all of them.
is_up() {
    local unit
    for unit; do systemctl --quiet is-active "$unit" || return 1; done
}
prop() { systemctl show --property="$2" --value "$1"; }

# write_config: standard input is the config; drop-ins follow it.
write_config() {
    mkdir -p /etc/agent-orchestrator
    cat >"$scratch/agents.toml"
    # On NixOS it is a link into the store. The drop-ins are the module's there.
    install -m 644 "$scratch/agents.toml" "$config"
    if [[ ${SCENARIO_UNITS:-} == module ]]; then quiet_calendars; else agent-orchestrator units >/dev/null; fi
}

# quiet_calendars: the module's timers that this config does not know of would ask at each full hour.
quiet_calendars() {
    local timer agent
    for timer in $(systemctl list-unit-files --no-legend --plain 'agent-orchestrator-*@*.timer' | cut -d ' ' -f 1); do
        agent=${timer#*@} agent=${agent%.timer}
        if [[ ! $agent ]] || sed -n "/^name = \"$agent\"/,/^\[\[/p" "$config" | grep -q schedule; then continue; fi
        mkdir -p "/run/systemd/system/$timer.d"
        printf '[Timer]\nOnCalendar=\nOnCalendar=2100-01-01\n' >"/run/systemd/system/$timer.d/quiet.conf"
    done
    systemctl daemon-reload
}

# agent_program: what an agent of a simple fleet runs.
agent_program() {
    mkdir -p /srv/fleet
    cat >/srv/fleet/agent.sh <<'AGENT'
#!/bin/sh
# Shows a box and notes each line in its folder; runs the file of a line that begins with a bang.
echo "$$" >>starts
while printf '> ' && IFS= read -r line; do
    printf '%s\n' "$line" >>heard
    case $line in
    !*) sh "${line#!}" >ran 2>&1; echo "$?" >code ;;
    *) printf 'heard: %s\n' "$line" ;;
    esac
done
AGENT
    chmod 755 /srv/fleet/agent.sh
}

# drop_in UNIT NAME: standard input is a drop-in of the administrator's. On NixOS the module has made what it says.
drop_in() {
    if [[ ${SCENARIO_UNITS:-} == module ]]; then cat >/dev/null && return; fi
    mkdir -p "/etc/systemd/system/$1.d"
    cat >"/etc/systemd/system/$1.d/$2.conf"
}

# simple_fleet [AGENT...]: agents that echo what is typed, each in a folder of its own.
simple_fleet() {
    local agent
    {
        cat <<'CONFIG'
[defaults]
session_prefix = "t-"
log_dir = "/var/log/agent-orchestrator"
project_dir = "/srv/fleet"
backend = "echo"
watch = "heal"
[backend.echo]
bin = "exec /srv/fleet/agent.sh {session}"
prompt_delivery = "exec"
input_re = '^> ?(?P<text>.*)$'
connect_delay = 1
ready_max = 10
CONFIG
        for agent in "$@"; do
            printf '[[agent]]\nname = "%s"\ndir = "%s"\nprompt = "begin"\n' "$agent" "$agent"
            cat "/scenarios/extra-$agent" 2>/dev/null
        done
        cat /scenarios/extra 2>/dev/null
    } >"$scratch/config"
    agent_program
    for agent in "$@"; do
        install -d -o agent-orchestrator -g agent-orchestrator "/srv/fleet/$agent"
    done
    write_config <"$scratch/config"
}

# inside AGENT COMMAND...: runs it as a child of the agent's program, with all of its confinement.
inside() {
    local agent=$1 folder=$fleet/$1 code
    shift
    rm -f "$folder/code" "$folder/ran"
    printf '%q ' "$@" >"$folder/command"
    agent-orchestrator send "$agent" '!command' >/dev/null
    if ! within 20 test -s "$folder/code"; then
        broken "$agent has not run $*"
        return 1
    fi
    cp "$folder/ran" "$scratch/inside"
    cat "$folder/ran"
    read -r code <"$folder/code"
    if ((code == 126 || code == 127)); then broken "$agent cannot run $*"; fi
    return "$code"
}

# Where a unit may write, asked of its own mounts: the highest folders in which its user could make a file.
# Below /nix lies the store only, and in a virtual machine what it is made of.
find_writable='find / ( -path /proc -o -path /sys -o -path /nix ) -prune -o -type d -writable -print'
writes_only() {
    local found
    found=$(sort | awk '{ for (place in seen) if (index($0 "/", place "/") == 1) next; seen[$0]; print }' | paste -s -d ' ')
    echo "found    $found"
    echo "expected $1"
    [[ $found == "$1" ]]
}
# agent_writes_only AGENT EXPECTED; find itself complains of what it may not enter.
agent_writes_only() {
    inside "$1" $find_writable >/dev/null 2>&1
    grep '^/' "$scratch/inside" | writes_only "$2"
}

# told_by_status: what STATUS= has to say, from `status --json`: counts of states, and where each loop is.
told_by_status() {
    agent-orchestrator status --json | awk -F '"' '
        $2 == "loops" { part = 1 }
        $2 == "agents" { part = 2 }
        part == 1 && $2 == "name" { name = $4 == "" ? "" : $4 ": " }
        part == 1 && $2 == "phase" { phase = $4 == "" ? "no phase" : $4 }
        part == 1 && $2 == "position" { position = $3; gsub(/[^0-9]/, "", position) }
        part == 1 && $2 == "phases" { inside = $3 !~ /\]/; phases = 0; next }
        part == 1 && inside { if (/\]/) inside = 0; else phases++ }
        part == 1 && $2 == "state" { where[++loops] = name phase " (" position " of " phases "), " $4 }
        part == 2 && $2 == "state" { count[$4]++ }
        END { for (state in count) print count[state], state; for (i = 1; i <= loops; i++) print where[i] }
    ' | sort
}
told_by_systemd() {
    prop "$supervisor" StatusText | awk -F '; ' '{
        states = split($1, state, ", ")
        for (i = 1; i <= states; i++) print state[i]
        for (i = 2; i <= NF; i++) if ($i ~ / of /) print $i
    }' | sort
}
status_agrees() {
    told_by_status >"$scratch/status"
    diff "$scratch/status" <(told_by_systemd) && grep -q . "$scratch/status"
}
# What changes between the two questions is asked again.
status_is_true() { within 5 status_agrees; }

start_fleet() { systemctl start "$supervisor"; }

# pushed_to DIR: an origin, and a clone of it with a first commit, of which a loop reads.
pushed_to() {
    as_fleet git init --quiet --bare --initial-branch=main "$1-origin.git"
    as_fleet git clone --quiet "$1-origin.git" "$1" 2>/dev/null
    push "$1" "first"
}

# push DIR SUBJECT [FILE TEXT]: one commit more on the origin.
push() {
    as_fleet env -C "$1" sh -c '
        if [ "$2" ]; then printf "%s\n" "$3" >"$2" && git add "$2"; fi
        git -c user.name=p -c user.email=p@p commit --quiet --allow-empty -m "$1" && git push --quiet origin HEAD:main
    ' push "$2" "${3:-}" "${4:-}"
}

# heard_once AGENT TEXT: within the time, and not twice.
heard_once() {
    within 20 grep -qsF -- "$2" "/srv/fleet/$1/heard" && [[ $(grep -cF -- "$2" "/srv/fleet/$1/heard") == 1 ]]
}

# loop_repository DIR: an origin with the plans of two phases, a clone for each agent, and the roles' prompts.
loop_repository() {
    local dir=$1 agent id
    install -d -o agent-orchestrator -g agent-orchestrator "$dir"
    as_fleet git init --quiet --bare --initial-branch=main "$dir/origin.git"
    for agent in builder adversary; do
        as_fleet git clone --quiet "$dir/origin.git" "$dir/$agent" 2>/dev/null
        as_fleet git -C "$dir/$agent" config user.name "$agent"
        as_fleet git -C "$dir/$agent" config user.email "$agent@demo.invalid"
    done
    as_fleet mkdir "$dir/builder/plans"
    for id in p1 p2; do
        printf '# Phase %s\n\nAt its end this file holds exactly this line:\n\n- File: %s.txt\n- Line: Hello from %s.\n' \
            "$id" "$id" "$id" | as_fleet tee "$dir/builder/plans/$id.md" >/dev/null
    done
    as_fleet git -C "$dir/builder" add --all
    as_fleet git -C "$dir/builder" commit --quiet -m plans
    as_fleet git -C "$dir/builder" push --quiet origin main
    as_fleet git -C "$dir/adversary" pull --quiet origin main
    agent-orchestrator init "$dir/new" >/dev/null
    mv "$dir/new/prompts" "$dir/prompts"
    rm -r "$dir/new"
}

# loop_fleet DIR: a builder and an adversary (the demo's stand-ins) that work two phases over a local origin.
loop_fleet() {
    local dir=$1 agent
    loop_repository "$dir"
    for agent in builder adversary; do
        # What they may write besides their clones: the origin that they push to.
        printf '[Service]\nReadWritePaths=%s/origin.git\n' "$dir" | drop_in "$(session "$agent")" 20-origin
    done
    write_config <<CONFIG
[defaults]
session_prefix = "demo-"
log_dir = "/var/log/agent-orchestrator"
project_dir = "$dir"
backend = "stand-in"
watch = "heal+stall"
[backend.stand-in]
bin = "exec agent-orchestrator stand-in {kickoff} {session}"
prompt_delivery = "exec"
input_re = '^> ?(?P<text>.*)\$'
active_re = 'esc to interrupt'
connect_delay = 2
ready_max = 20
[loop]
phases = [
  { id = "p1", plan = "plans/p1.md", status = "STATUS-p1.md" },
  { id = "p2", plan = "plans/p2.md", status = "STATUS-p2.md" },
]
[loop.handoff]
repo = "builder"
claim_pattern = '^claim\('
review_pattern = '^review\('
claim_pings = "adversary"
review_pings = "builder"
inboxes = ["ADVERSARY-INBOX.md", "BUILDER-INBOX.md"]
[[agent]]
name = "builder"
kind = "loop"
role = "builder"
dir = "builder"
[[agent]]
name = "adversary"
kind = "loop"
role = "adversary"
dir = "adversary"
CONFIG
}

# enable_fleet: starts it now and at every boot. On NixOS the second is the module's.
enable_fleet() {
    if [[ ${SCENARIO_UNITS:-} == module ]]; then start_fleet; else systemctl enable --now "$supervisor"; fi
}
