# The demo's fleet completes under systemd, also while its supervisor is restarted and killed all the time.
. "$(dirname "$0")/lib.sh"
complete() { [[ -e /var/log/agent-orchestrator/SEQUENCE-COMPLETE ]]; }

loop_fleet /srv/one
promise "the fleet starts" start_fleet
names_phase() { prop "$supervisor" StatusText | grep -Eq 'p1 \(1 of 2\)|complete'; }
promise "STATUS= names phase and states" within 10 names_phase
promise "STATUS= is what status tells" status_is_true
promise "two phases are done" within 60 complete
promise "STATUS= says so" within 5 bash -c "systemctl show -p StatusText $supervisor | grep -q complete"
promise "its agents rest" within 10 is_state builder 'stopped'
promise "STATUS= is what status tells" status_is_true

systemctl stop "$supervisor" 'agent-orchestrator-session@*'
rm -rf /var/lib/agent-orchestrator/[a-gi-z]* /var/log/agent-orchestrator/*
loop_fleet /srv/two
promise "the fleet starts anew" start_fleet
kills=0
end=$((SECONDS + 90 * ${SCENARIO_PATIENCE:-1}))
while ! complete && ((SECONDS < end)); do
    if ((kills % 2)); then systemctl kill --signal=KILL "$supervisor"; else systemctl restart "$supervisor"; fi
    kills=$((kills + 1))
    SCENARIO_PATIENCE=1 within 2 complete >/dev/null
done
promise "two phases are done in spite of $kills restarts and kills" complete
promise "of which there were some of either kind" test "$kills" -ge 3
git -C /srv/two/builder -c safe.directory='*' log --format=%s | sed 's/^/       /'
promise "no agent has died" not grep -q '"event":"died"' /var/lib/agent-orchestrator/events.jsonl
done_with
