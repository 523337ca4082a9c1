# Who may ask what: an agent by its `control`, known by its unit; a member of the group; nobody else.
. "$(dirname "$0")/lib.sh"
echo 'wake = { prompt_file = "/srv/fleet/wake.md" }' >/scenarios/extra-ada
echo 'control = "observe"' >/scenarios/extra-bob
echo 'control = "operate"' >/scenarios/extra-cid
# A task that runs when it is told to.
cat >/scenarios/extra <<'CONFIG'
[[agent]]
name = "tim"
kind = "task"
dir = "tim"
prompt = "begin"
CONFIG
simple_fleet ada bob cid
install -d -o agent-orchestrator -g agent-orchestrator /srv/fleet/tim
runs() { [[ $(cat /srv/fleet/tim/starts 2>/dev/null | wc -l) == "$1" ]]; }
echo "time-to-wake" >/srv/fleet/wake.md
start_fleet
for agent in ada bob cid; do within 10 pane "$agent" >/dev/null; done

says() { grep -q "$1" "$scratch/inside"; }
promise "an agent without control may not look" not inside ada agent-orchestrator status
promise "and is told the key that allows it" says 'control = "observe"'
promise "nor run a task" not inside ada agent-orchestrator run tim
promise "one that observes may look" inside bob agent-orchestrator status
promise "at what happened" inside bob agent-orchestrator events
promise "and why" inside bob agent-orchestrator explain ada
for verb in wake restart down; do
    promise "but not $verb" not inside bob agent-orchestrator $verb ada
done
promise "nor run" not inside bob agent-orchestrator run tim
promise "and is told the key that allows it" says 'control = "operate"'
promise "no task has run" runs 0
promise "nor send" not inside bob agent-orchestrator send ada --queue hello
promise "and is told the key that allows it" says 'control = "operate"'
promise "one that operates may send" inside cid agent-orchestrator send ada --queue hello-from-cid
promise "what it sends arrives" within 10 grep -q hello-from-cid /srv/fleet/ada/heard
promise "it may wake" inside cid agent-orchestrator wake ada
promise "who hears that" within 15 grep -q time-to-wake /srv/fleet/ada/heard
promise "it may run a task" inside cid agent-orchestrator run tim
promise "which runs" within 10 runs 1
promise "it may restart another" inside cid agent-orchestrator restart bob
promise "it may not move a phase" not inside cid agent-orchestrator phase next
promise "nor end the fleet" not inside cid agent-orchestrator down
promise "for that is a person's" says 'only a person'
promise "it cannot cast off its unit" not inside cid env -i "$(command -v setsid)" "$(command -v agent-orchestrator)" down
promise "and is still refused" says 'only a person'

useradd --user-group --no-create-home member 2>/dev/null
useradd --user-group --no-create-home stranger 2>/dev/null
usermod --append --groups agent-orchestrator member
as() { setpriv --reuid="$1" --regid="$1" --init-groups -- "${@:2}"; }
promise "a member of the group operates" as member agent-orchestrator send ada --queue hello-from-member
promise "reads what happened" as member agent-orchestrator events
attach_hint() { grep -q 'sudo agent-orchestrator' <(as member agent-orchestrator attach ada 2>&1); }
promise "and is told the line that attaches" attach_hint
promise "root does" agent-orchestrator status
promise "there is a stranger" as stranger true
promise "a stranger does not look" not as stranger agent-orchestrator status
promise "nor read what happened" not as stranger agent-orchestrator events
promise "nor order" not as stranger agent-orchestrator send ada --queue hello-from-a-stranger
promise "nor end it" not as stranger agent-orchestrator down
promise "nor reach a terminal" not as stranger tmux -S /run/agent-orchestrator/tmux/ada list-sessions

# git runs what the config of a clone names; of a clone of the shared user's it does so as the supervisor.
install -d -o agent-orchestrator -g agent-orchestrator /srv/fleet
pushed_to /srv/fleet/clone
cat >/srv/fleet/evil <<'EVIL'
#!/bin/sh
agent-orchestrator status >/tmp/looked 2>&1
agent-orchestrator down >/tmp/asked 2>&1
exit 1
EVIL
chmod 755 /srv/fleet/evil
as_fleet git -C /srv/fleet/clone remote set-url origin ssh://host/repository
as_fleet git -C /srv/fleet/clone config core.sshCommand /srv/fleet/evil
cat >>"$config" <<'LOOP'
[loop]
phases = [{ id = "p1", plan = "p1.md", status = "S.md" }]
[loop.handoff]
repo = "clone"
claim_pings = "ada"
review_pings = "ada"
inboxes = []
LOOP
systemctl restart "$supervisor"
of_git() { cat "/proc/$(supervisor_pid)/root/tmp/$1" | grep "$2"; }
promise "what git has run asks the supervisor, and is no person there" within 20 of_git asked 'only a person'
promise "though it may look, as the operator's own command" of_git looked ada
done_with
