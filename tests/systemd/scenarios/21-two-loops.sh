# Two loops on one host, each with its own repository, agents and end.
. "$(dirname "$0")/lib.sh"
declare -A suffix=([one]="" [two]="-2")
for loop in one two; do
    loop_repository "/srv/$loop"
    for role in builder adversary; do
        printf '[Service]\nReadWritePaths=/srv/%s/origin.git\n' "$loop" | drop_in "$(session "$role${suffix[$loop]}")" 20-origin
    done
done
{
    cat <<'CONFIG'
[defaults]
session_prefix = "demo-"
log_dir = "/var/log/agent-orchestrator"
project_dir = "/srv"
backend = "stand-in"
watch = "heal+stall"
[backend.stand-in]
bin = "exec agent-orchestrator stand-in {kickoff} {session}"
prompt_delivery = "exec"
input_re = '^> ?(?P<text>.*)$'
active_re = 'esc to interrupt'
connect_delay = 2
ready_max = 20
CONFIG
    for loop in one two; do
        end=${suffix[$loop]}
        cat <<CONFIG
[[loop]]
name = "$loop"
roles_dir = "/srv/$loop/prompts"
phases = [
  { id = "p1", plan = "plans/p1.md", status = "STATUS-p1.md" },
  { id = "p2", plan = "plans/p2.md", status = "STATUS-p2.md" },
]
[loop.handoff]
repo = "/srv/$loop/builder"
claim_pattern = '^claim\('
review_pattern = '^review\('
claim_pings = "adversary$end"
review_pings = "builder$end"
inboxes = ["ADVERSARY-INBOX.md", "BUILDER-INBOX.md"]
[[agent]]
name = "builder$end"
kind = "loop"
loop = "$loop"
role = "builder"
dir = "/srv/$loop/builder"
[[agent]]
name = "adversary$end"
kind = "loop"
loop = "$loop"
role = "adversary"
dir = "/srv/$loop/adversary"
CONFIG
    done
} | write_config
complete() { [[ -e /var/log/agent-orchestrator/SEQUENCE-COMPLETE-$1 ]]; }
promise "the fleet starts" start_fleet
promise "the first loop is done" within 90 complete one
promise "and the second" within 60 complete two
for loop in one two; do
    promise "loop $loop has the work of both phases" test "$(git -C "/srv/$loop/origin.git" -c safe.directory='*' ls-tree --name-only main | grep -c '^p[12].txt$')" = 2
done
promise "nobody was told of the other loop's commits" not grep -q 'builder.*srv/two\|builder-2.*srv/one' /var/lib/agent-orchestrator/events.jsonl
for loop in one two; do
    promise "the journal has the end of loop $loop" grep . <(journalctl --no-pager --quiet --output=cat -u "$supervisor" LOOP=$loop EVENT=sequence-complete)
done
promise "STATUS= names both loops" status_is_true
promise "no agent has died" not grep -q '"event":"died"' /var/lib/agent-orchestrator/events.jsonl
done_with
