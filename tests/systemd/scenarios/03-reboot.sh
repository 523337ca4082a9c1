# A reboot brings the fleet back: the same conversations, the same phase, what was stopped by name stays stopped.
. "$(dirname "$0")/lib.sh"
kept=/var/lib/scenario-reboot
phases_begun() { grep -c '"event":"phase"' /var/lib/agent-orchestrator/events.jsonl; }
in_phase() { [[ $(agent-orchestrator status --json | sed -n 's/.*"phase": "\(.*\)".*/\1/p') == "$1" ]]; }
if ((SCENARIO_BOOT == 1)); then
    # Its program notes which conversation it was told to begin or to resume.
    cat >/scenarios/extra <<'CONFIG'
[loop]
roles_dir = "/srv/fleet/prompts"
phases = [
  { id = "p1", plan = "plans/p1.md", status = "STATUS-p1.md" },
  { id = "p2", plan = "plans/p2.md", status = "STATUS-p2.md" },
]
[loop.handoff]
repo = "clone"
claim_pattern = '^claim\('
review_pattern = '^review\('
claim_pings = "ada"
review_pings = "ada"
inboxes = []
[[agent]]
name = "talker"
kind = "loop"
role = "builder"
backend = "talker"
dir = "talker"
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
    install -d -o agent-orchestrator -g agent-orchestrator /srv/fleet /srv/fleet/talker
    agent-orchestrator init "$scratch/new" >/dev/null
    cp -r "$scratch/new/prompts" /srv/fleet/prompts
    chmod -R a+rX /srv/fleet/prompts
    pushed_to /srv/fleet/clone
    promise "enabled for the boot" enable_fleet
    promise "the talker runs" within 15 pane talker
    promise "it is sent something" agent-orchestrator send talker hello
    # A conversation counts once its program has lived for a while.
    agent-orchestrator down bob >/dev/null
    promise "what cannot be delivered is kept" agent-orchestrator send bob --queue "queued before the boot"
    push /srv/fleet/clone "status of the first phase" STATUS-p1.md "## DONE"
    promise "the loop goes to its second phase" within 20 in_phase p2
    conversations() { sed -n 's/.*--new \([^ ]*\).*/\1/p' /srv/fleet/talker/started-with; }
    two_begun() { [[ $(conversations | wc -l) == 2 ]]; }
    promise "with a conversation of its own" within 20 two_begun
    within 10 pane talker >/dev/null
    agent-orchestrator send talker "hello again" >/dev/null
    conversations | tail -n 1 >"$kept"
    promise "its conversation has an id" test -s "$kept"
    agent-orchestrator status --json | sed -n 's/.*"conversation": "\(.*\)".*/\1/p' >"$kept.shown"
    promise "which status shows" grep -qxf "$kept" "$kept.shown"
    phases_begun >"$kept.phases"
    systemctl stop "$supervisor"
    push /srv/fleet/clone "claim(p2): pushed before the boot"
    ((failed)) && done_with
    sync
    exit 64
fi
promise "the supervisor is started by the boot" within 20 is_up "$supervisor"
promise "ada runs again" within 20 pane ada
promise "the talker runs again" within 20 pane talker
promise "on the same conversation" grep -q -- "--resume $(cat "$kept")" /srv/fleet/talker/started-with
promise "in the same phase" in_phase p2
promise "to which it has not come anew" test "$(phases_begun)" = "$(cat "$kept.phases")"
promise "what was pushed before the boot is handed over, once" heard_once ada "pushed before the boot"
promise "STATUS= is what status tells" status_is_true
promise "what was stopped by name is not started" is_state bob stopped
agent-orchestrator up bob >/dev/null
promise "when it is, it gets what was kept, once" heard_once bob "queued before the boot"
promise "no agent counts as dead" not grep '"event":"died"' /var/lib/agent-orchestrator/events.jsonl
done_with
