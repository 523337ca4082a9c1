# A reboot brings the fleet back: the same conversations, the same phase, what was stopped by name stays stopped.
. "$(dirname "$0")/lib.sh"
kept=/var/lib/scenario-reboot
if ((SCENARIO_BOOT == 1)); then
    # Its program notes which conversation it was told to begin or to resume.
    cat >/scenarios/extra <<'CONFIG'
[[agent]]
name = "talker"
backend = "talker"
dir = "talker"
prompt = "begin"
resume = true
[backend.talker]
bin = "/srv/fleet/talker.sh"
prompt_delivery = "arg"
supports_resume = true
resume_flag = "--resume '{id}'"
new_id_flag = "--new '{id}'"
input_re = '^> ?(?P<text>.*)$'
connect_delay = 1
ready_max = 10
CONFIG
    simple_fleet ada bob
    cat >/srv/fleet/talker.sh <<'PROGRAM'
#!/bin/sh
printf '%s\n' "$*" >>started-with
while printf '> ' && IFS= read -r line; do echo "heard: $line"; done
PROGRAM
    chmod 755 /srv/fleet/talker.sh
    install -d -o agent-orchestrator -g agent-orchestrator /srv/fleet/talker
    promise "enabled for the boot" enable_fleet
    promise "the talker runs" within 15 pane talker
    promise "it is sent something" agent-orchestrator send talker hello
    # A conversation counts once its program has lived for a while.
    agent-orchestrator down bob >/dev/null
    agent-orchestrator send ada --queue "after the boot" >/dev/null
    sed -n 's/.*--new \([^ ]*\).*/\1/p' /srv/fleet/talker/started-with >"$kept"
    promise "its conversation has an id" test -s "$kept"
    ((failed)) && done_with
    sync
    exit 64
fi
promise "the supervisor is started by the boot" within 20 is_up "$supervisor"
promise "ada runs again" within 20 pane ada
promise "the talker runs again" within 20 pane talker
promise "on the same conversation" grep -q -- "--resume $(cat "$kept")" /srv/fleet/talker/started-with
promise "what was stopped by name is not started" is_state bob stopped
promise "no agent counts as dead" not grep -q '"event":"died"' /var/lib/agent-orchestrator/events.jsonl
done_with
