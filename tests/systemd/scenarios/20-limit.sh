# A usage limit is held over a reboot: nobody of its account is started or told anything before it is asked again.
. "$(dirname "$0")/lib.sh"
if ((SCENARIO_BOOT == 1)); then
    cat >/scenarios/extra <<'CONFIG'
[[agent]]
name = "carl"
dir = "carl"
prompt = "begin"
backend = "limited"
[[agent]]
name = "dan"
dir = "dan"
prompt = "begin"
backend = "limited"
[[agent]]
name = "tim"
kind = "task"
dir = "tim"
prompt = "begin"
backend = "limited"
[backend.limited]
bin = "exec /srv/fleet/limited.sh {session}"
prompt_delivery = "exec"
input_re = '^> ?(?P<text>.*)$'
active_re = 'at work'
limit_re = 'usage limit reached'
connect_delay = 1
ready_max = 10
[watchdog]
limit_probe_fallback = 12
CONFIG
    simple_fleet ada
    cat >/srv/fleet/limited.sh <<'PROGRAM'
#!/bin/sh
# Answers what it is started with and each line that it hears, unless its account has met its limit.
answer() {
    printf '\033[H\033[2J'
    if [ -e /srv/fleet/limit ]; then
        echo 'usage limit reached'
    else
        # It works until its own folder says that it has worked enough.
        echo 'at work'
        [ -e worked ] || mkfifo worked
        timeout 2 cat worked
        printf '\033[H\033[2Jdone: %s\n' "$1"
    fi
}
echo start >>starts
answer begin
while printf '> ' && IFS= read -r line; do
    printf '%s\n' "$line" >>heard
    answer "$line"
done
PROGRAM
    chmod 755 /srv/fleet/limited.sh
    for agent in carl dan tim; do
        install -d -o agent-orchestrator -g agent-orchestrator "/srv/fleet/$agent"
    done
    promise "the fleet starts" enable_fleet
    promise "carl runs" within 15 pane carl
    promise "dan runs" within 15 is_state dan 'idle|working'
    promise "tim, a task, is run" agent-orchestrator run tim
    promise "and rests" within 15 is_state tim idle
    : >/srv/fleet/limit
    agent-orchestrator send carl "one more" >/dev/null
    promise "carl is held" within 10 is_state carl limited
    promise "and dan, who has the same account" within 10 is_state dan limited
    promise "but not ada" is_state ada 'idle|working'
    promise "and tim" within 10 is_state tim limited
    promise "a calendar's run of a task that is held" systemctl start agent-orchestrator-run@tim
    promise "leaves it alone" grep -q "tim is held by a usage limit.* and is left alone" /var/lib/agent-orchestrator/events.jsonl
    promise "a person is told so" grep -q 'held by a usage limit.* and is left alone' <(agent-orchestrator run tim)
    promise "it was started once" test "$(wc -l </srv/fleet/tim/starts)" = 1
    agent-orchestrator down tim >/dev/null
    agent-orchestrator send dan --queue "later" >/dev/null
    ((failed)) && done_with
    sync
    exit 64
fi
promise "the supervisor is back" within 20 is_up "$supervisor"
promise "ada runs" within 20 pane ada
test_starts() { (($(starts "$1") >= $2)); }
starts() { wc -l <"/srv/fleet/$1/starts"; }
promise "carl's account is still held" is_state carl limited
promise "STATUS= names it" grep -q 'held: account limited, ' <(prop "$supervisor" StatusText)
promise "dan is" is_state dan limited
promise "STATUS= counts them" status_is_true
by_account() { journalctl --no-pager --quiet --output=cat -u "$supervisor" ACCOUNT=limited EVENT="$1" | grep .; }
promise "the journal names the account" by_account limit-held
promise "neither was started" test "$(starts carl) $(starts dan)" = "1 1"
promise "at the probe's time one of them is asked" within 25 test_starts carl 2
promise "and refused again" within 10 is_state carl limited
promise "the other is left alone" test "$(starts dan)" = 1
rm /srv/fleet/limit
promise "after a probe that is answered the account is open" within 30 grep -q '"event":"limit-lifted"' /var/lib/agent-orchestrator/events.jsonl
promise "and the journal has that" by_account limit-lifted
promise "the other is started" within 20 test_starts dan 2
promise "and gets what waited for it" within 15 grep -qsx later /srv/fleet/dan/heard
promise "once" test "$(grep -csx later /srv/fleet/dan/heard)" = 1
done_with
