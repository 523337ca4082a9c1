# An agent with a user of its own: supervised like the others, and separated from them.
. "$(dirname "$0")/lib.sh"
for user in carol dave; do
    useradd --user-group --create-home --home-dir "/var/lib/$user" "$user" 2>/dev/null
    chmod 700 "/var/lib/$user"
    echo "$user-key" >"/var/lib/$user/key"
    chown "$user:" "/var/lib/$user/key"
    echo "TOKEN=of-$user" >"/etc/agent-orchestrator/$user.env"
    chmod 600 "/etc/agent-orchestrator/$user.env"
    printf '[Service]\n%s\n' "User=$user" "Group=$user" "EnvironmentFile=/etc/agent-orchestrator/$user.env" \
        "ReadWritePaths=/var/lib/$user" "LoadCredential=token:/etc/agent-orchestrator/$user.env" | drop_in "$(session "$user")" 20-user
done
echo ada-key >/var/lib/agent-orchestrator/home/key
chown agent-orchestrator: /var/lib/agent-orchestrator/home/key
simple_fleet ada carol dave
for user in carol dave; do
    chown "$user:agent-orchestrator" "/srv/fleet/$user"
    chmod 2750 "/srv/fleet/$user"
done
promise "the fleet starts" start_fleet
pid_of() { tmux_of "$1" list-panes -a -F '#{pane_pid}'; }
promise "the supervisor's user may ask her tmux" within 10 pid_of carol
promise "her program runs as her" test "$(stat -c %U "/proc/$(pid_of carol)")" = carol
promise "she is sent a text" agent-orchestrator send carol hello
promise "and has heard it" within 5 grep -q hello /srv/fleet/carol/heard
promise "her log is written" grep -q hello /var/log/agent-orchestrator/t-carol.log
promise "she has her credentials" inside carol grep carol-key /var/lib/carol/key
promise "and her environment" inside carol sh -c '[ "$TOKEN" = of-carol ]'
credential=/run/credentials/$(session carol)/token
promise "and what is loaded for her" inside carol sh -c 'grep -q of-carol "$CREDENTIALS_DIRECTORY/token"'
promise "from its place" grep -q of-carol "$credential"
for other in ada dave; do
    promise "which $other cannot read" not inside $other cat "$credential"
done
# The module gives her a home to write, a drop-in does here.
promise "she can write in no other place than her folder, home, log, socket, her /tmp and /dev" agent_writes_only carol \
    "/dev/mqueue /dev/shm /run/agent-orchestrator/launch/carol /run/agent-orchestrator/tmux /srv/fleet/carol /tmp /var/lib/carol /var/log/agent-orchestrator /var/tmp"
for other in ada dave; do
    promise "$other cannot read her files" not inside $other cat /var/lib/carol/key
    promise "nor her environment file" not inside $other cat /etc/agent-orchestrator/carol.env
    promise "nor her environment" not inside $other cat "/proc/$(pid_of carol)/environ"
    promise "nor signal her" not inside $other kill "$(pid_of carol)"
done
# The shared user is the supervisor's, whom every terminal obeys: only users of their own are kept from each other's.
inside dave tmux -S /run/agent-orchestrator/tmux/carol send-keys x >/dev/null
promise "nor can dave reach her terminal" grep -q 'access not allowed' "$scratch/inside"
promise "where nothing has come in" not grep -q x <(tmux_of carol capture-pane -p -t '=t-carol:' | tail -n 1)
promise "she cannot read the others' files" not inside carol cat /var/lib/agent-orchestrator/home/key
promise "nor write their folders" not inside carol touch /srv/fleet/ada/x
promise "nor reach their terminals" not inside carol tmux -S /run/agent-orchestrator/tmux/ada send-keys x
promise "nor take their sockets away" not inside carol rm -f /run/agent-orchestrator/tmux/ada
promise "nor see what the supervisor hands them" test "$(inside carol ls /run/agent-orchestrator/launch)" = carol
promise "nor ask the supervisor" not inside carol agent-orchestrator status

first=$(pid_of carol)
kill -KILL "$first"
anew() { local now; now=$(pid_of carol) && [[ $now != "$first" ]]; }
promise "her death is seen and healed" within 15 anew
promise "down ends her" agent-orchestrator down carol
promise "all of her" not pgrep -u carol
promise "up starts her" agent-orchestrator up carol

git init --quiet --bare --initial-branch=main /srv/fleet/carol.git
chown -R carol:agent-orchestrator /srv/fleet/carol.git
setpriv --reuid=carol --regid=agent-orchestrator --clear-groups git -C /srv/fleet/carol init --quiet --initial-branch=main
setpriv --reuid=carol --regid=agent-orchestrator --clear-groups git -C /srv/fleet/carol remote add origin /srv/fleet/carol.git
commit() {
    setpriv --reuid=carol --regid=agent-orchestrator --clear-groups sh -c "cd /srv/fleet/carol &&
        git -c user.name=c -c user.email=c@c commit --quiet --allow-empty -m '$1' && git push --quiet origin main"
}
commit "first"
cat >>"$config" <<'LOOP'
[loop]
phases = [{ id = "p1", plan = "p1.md", status = "S.md" }]
[loop.handoff]
repo = "carol"
claim_pings = "ada"
review_pings = "ada"
inboxes = []
LOOP
systemctl reload "$supervisor"
read_head() { agent-orchestrator status --json | grep -Eq '"head": "[0-9a-f]{40}"'; }
promise "git reads a repository that is hers" within 10 read_head
commit "claim(p1): done"
promise "what she pushes is handed over" within 20 grep -q 'claim' /srv/fleet/ada/heard

printf '#!/bin/sh\nid >/tmp/evil-ran\nexit 1\n' >/srv/fleet/carol/evil
chmod 755 /srv/fleet/carol/evil
as_carol() { setpriv --reuid=carol --regid=agent-orchestrator --clear-groups -- "$@"; }
as_carol git -C /srv/fleet/carol config core.sshCommand /srv/fleet/carol/evil
as_carol git -C /srv/fleet/carol remote set-url origin ssh://host.invalid/repository
systemctl restart "$supervisor"
away() { agent-orchestrator status --json | grep -q '"trouble": ".*ssh'; }
promise "where her clone says that its origin is elsewhere, git asks there" within 40 away
ran() { test -e "/proc/$(supervisor_pid)/root/tmp/evil-ran"; }
promise "and runs nothing that she has named" not ran
chown root /srv/fleet/carol /srv/fleet/carol/.git /srv/fleet/carol/.git/config
systemctl restart "$supervisor"
promise "as it does where only root can have named it" within 20 ran
chown carol /srv/fleet/carol /srv/fleet/carol/.git /srv/fleet/carol/.git/config

agent-orchestrator down dave >/dev/null
fake=/run/agent-orchestrator/tmux/dave
promise "she can make a terminal where that of dave is to be" inside carol tmux -S $fake new-session -d
inside carol tmux -S $fake server-access -a agent-orchestrator >/dev/null
inside carol chmod 770 $fake >/dev/null
# What has just come up is looked at first.
names_her() {
    not agent-orchestrator up dave >"$scratch/up" 2>&1
    cat "$scratch/up"
    grep -Eq 'is one of agent .carol|a tmux server outside of its unit' "$scratch/up"
}
promise "with which dave is not started" within 20 names_her
promise "and gets nothing that is for him" not agent-orchestrator send dave secret
inside carol tmux -S $fake kill-server >/dev/null
promise "without it he is" within 20 agent-orchestrator up dave
done_with
