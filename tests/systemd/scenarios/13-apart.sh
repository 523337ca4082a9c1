# What of the host does not fit is told, and refused where another user could lead an agent elsewhere.
. "$(dirname "$0")/lib.sh"
[[ ${SCENARIO_UNITS:-} != module ]] || not_here "the module writes the units"
for user in carol eve; do
    useradd --user-group --create-home --home-dir "/home/$user" "$user"
    chmod 700 "/home/$user"
    printf '[Service]\nUser=%s\nGroup=%s\n' "$user" "$user" | drop_in "$(session "$user")" 20-user
done
cat >/scenarios/extra-ada <<'CONFIG'
prompt_file = "/srv/fleet/prompt.md"
CONFIG
cat >/scenarios/extra <<'CONFIG'
[[agent]]
name = "tim"
kind = "task"
dir = "tim"
prompt = "begin"
schedule = "Sun 02:00 UTC"
[[agent]]
name = "claude"
backend = "claude"
dir = "claude"
prompt = "begin"
enabled = false
CONFIG
simple_fleet ada carol eve
sed -i '/^name = "ada"/,/^\[\[/{/^prompt = /d}' "$config"
echo begin >/srv/fleet/prompt.md
install -d -o agent-orchestrator -g agent-orchestrator /srv/fleet/tim /srv/fleet/claude
for user in carol eve; do
    chown "$user:agent-orchestrator" "/srv/fleet/$user"
    chmod 2750 "/srv/fleet/$user"
done
cp "$config" "$scratch/good"
# told WORDS VERB...: what the verb says has these words, on one line of its own.
told() { "${@:2}" >"$scratch/told" 2>&1; tr '\n' ' ' <"$scratch/told" | grep -F -- "$1"; }
# in_journal AGENT WORDS: its unit's journal has them.
in_journal() { journalctl --no-pager -u "$(session "$1")" | grep -F -- "$2"; }
checks() { told "$1" agent-orchestrator check; }
# edited EXPRESSION: the good config with a change.
edited() { sed "$1" "$scratch/good" >"$config"; }

promise "nothing is said of a fleet that is as it should be" not grep -E 'warning|error' <(agent-orchestrator check 2>&1 | grep -v claude)
promise "the home of an agent with a user of its own is let in" grep -x 'BindPaths="-/home/carol"' \
    "/etc/systemd/system/$(session carol).d/10-fleet.conf"

edited '/^name = "eve"/,/^prompt/s|^dir = "eve"|dir = "new"|'
agent-orchestrator units >/dev/null
promise "a folder that is missing is made for the agent's user" test "$(stat -c %U:%G:%a /srv/fleet/new)" = eve:agent-orchestrator:2750

# A folder below one that another agent's user can write.
install -d -o agent-orchestrator -g agent-orchestrator /srv/fleet/eve/ada
edited '/^name = "ada"/,/^prompt/s|^dir = "ada"|dir = "eve/ada"|'
promise "check tells of a folder that another agent could swap" checks '`eve` runs as `eve`, which can write in `/srv/fleet/eve`, above the folder of `ada`'
promise "and so do the units" told 'can write in `/srv/fleet/eve`' agent-orchestrator units
start_fleet
promise "what is there is used" within 20 pane ada
agent-orchestrator down ada >/dev/null
install -d -o agent-orchestrator -g agent-orchestrator /srv/elsewhere
mv /srv/fleet/eve/ada /srv/fleet/eve/away
setpriv --reuid=eve --regid=eve --clear-groups ln -s /srv/elsewhere /srv/fleet/eve/ada
promise "behind her link nothing is started" not agent-orchestrator up ada
promise "and its unit says why" within 5 in_journal ada '`/srv/fleet/eve/ada` is a link of `eve`'
promise "it has run nothing there" not test -e /srv/elsewhere/starts
chown -h root /srv/fleet/eve/ada
promise "behind one of root's it is" agent-orchestrator up ada
promise "where that leads" within 20 test -e /srv/elsewhere/starts
rm /srv/fleet/eve/ada
cp "$scratch/good" "$config"
agent-orchestrator units >/dev/null
agent-orchestrator restart ada >/dev/null

edited '/^name = "eve"/,/^prompt/s|^dir = "eve"|dir = "carol"|'
promise "check tells of two users with one folder" checks '`eve` and `carol` have one folder, and run as `eve` and `carol`'

# What cannot be used.
cp "$scratch/good" "$config"
chown agent-orchestrator: /srv/fleet/carol
promise "check tells of a folder that its agent cannot write" checks '`carol` runs as `carol`, which cannot write its folder `/srv/fleet/carol`'
chown carol:agent-orchestrator /srv/fleet/carol
chmod 700 /srv/fleet/prompt.md
promise "of a prompt that the fleet's user cannot read" checks 'cannot read prompt file `/srv/fleet/prompt.md`'
chmod 644 /srv/fleet/prompt.md
printf '[Service]\nEnvironmentFile=/etc/agent-orchestrator/none.env\n' | drop_in "$(session ada)" 30-none
systemctl daemon-reload
promise "of an environment that is not there" checks 'starts with `/etc/agent-orchestrator/none.env`, which is not there'
printf '[Service]\nUser=no-such-user\n' | drop_in "$(session ada)" 30-none
systemctl daemon-reload
promise "of a user that is not there" checks 'is to run as `no-such-user`, a user that the host does not have'
rm "/etc/systemd/system/$(session ada).d/30-none.conf"
systemctl daemon-reload
edited 's/Sun 02:00 UTC/Sun 25:00/'
promise "of what is no calendar" checks '`schedule` of `tim` is no calendar'
promise "of which no unit is written" not agent-orchestrator units
edited 's/^watch = "heal"/watch = "heel"/'
promise "of other mistakes units are, and say so" told 'watch' agent-orchestrator units
promise "though they have written" grep -q 'drop-ins' "$scratch/told"
cp "$scratch/good" "$config"
install -d -o agent-orchestrator -g agent-orchestrator /home/ada
edited '/^name = "ada"/,/^prompt/s|^dir = "ada"|dir = "/home/ada"|'
promise "check tells of a folder that the unit hides" checks 'the unit of `ada` does not let it write its folder `/home/ada`'
agent-orchestrator units >/dev/null
promise "until the units are written anew" not checks 'does not let it write'
cp "$scratch/good" "$config"
agent-orchestrator units >/dev/null

# The log of a former user.
agent-orchestrator down carol >/dev/null
install -o agent-orchestrator -g agent-orchestrator -m 640 /dev/null /var/log/agent-orchestrator/t-carol.log
promise "check tells of a log that its agent cannot write" checks 'the log of `carol`, `/var/log/agent-orchestrator/t-carol.log`'
agent-orchestrator up carol >/dev/null
promise "and the unit's journal does" within 5 in_journal carol 'no log is written'
promise "she has her home" inside carol sh -c 'touch "$HOME/mine"'

# Trust is written for who asks.
useradd --user-group --create-home member
usermod --append --groups agent-orchestrator member
as() { setpriv --reuid="$1" --regid="$1" --init-groups --reset-env -- "${@:2}"; }
promise "a member's trust is no agent's" not as member agent-orchestrator trust claude
promise "and says whose would be" told 'sudo agent-orchestrator trust claude' as member agent-orchestrator trust claude
promise "nothing is written" not test -e /home/member/.claude.json
promise "root's is the fleet's user's" agent-orchestrator trust claude
promise "in that one's home" grep -q /srv/fleet/claude /var/lib/agent-orchestrator/home/.claude.json

# The config by another name, and without it.
install -d /srv/conf
mv "$config" /srv/conf/agents.toml
ln -s /srv/conf/agents.toml "$config"
here() { (cd /srv/conf && "$@"); }
promise "the host's config is its fleet by its other name as well" told 'config: /etc/agent-orchestrator/agents.toml' here agent-orchestrator status
promise "with its supervisor" grep -q 'supervisor: pid' "$scratch/told"
rm "$config"
elsewhere() { (cd / && "$@"); }
promise "a config that is gone hides nothing" told 'there is no config' elsewhere agent-orchestrator status
promise "of what was in force" grep -q carol "$scratch/told"
systemctl stop "$supervisor"
promise "also without a supervisor" told 'there is no config' elsewhere agent-orchestrator status
promise "of what was in force" grep -q carol "$scratch/told"
promise "as the log" elsewhere agent-orchestrator logs ada
cp "$scratch/good" "$config"

# Without a supervisor.
# Which terminals the clients that a verb of root's starts are controlled by: 0 is none.
mkdir /srv/fleet/bin
install -m 666 /dev/null /srv/fleet/terminals
cat >/srv/fleet/bin/tmux <<TMUX
#!/bin/sh
cut -d ' ' -f 7 /proc/self/stat >>/srv/fleet/terminals
exec $(command -v tmux) "\$@"
TMUX
chmod 755 /srv/fleet/bin/tmux
promise "without a supervisor root's status asks tmux" \
    script --quiet --return --command 'PATH=/srv/fleet/bin:$PATH agent-orchestrator status' "$scratch/terminal"
promise "by clients of which none has root's terminal" test "$(sort -u /srv/fleet/terminals)" = 0
as_member_down() { as member agent-orchestrator down; }
promise "without a supervisor a member's down is refused" not as_member_down
promise "and says who may" told 'sudo agent-orchestrator down' as_member_down
promise "root's of one ends it" agent-orchestrator down ada
promise "its unit is inactive" not is_up "$(session ada)"
promise "root's ends all" agent-orchestrator down
promise "no agent is left" not is_up 'agent-orchestrator-session@*'
start_fleet
promise "which comes back" within 20 pane carol
promise "but for what was ended by name" is_state ada stopped

# What is stopped while nobody supervises.
systemctl stop "$supervisor"
systemctl stop "$(session carol)"
agent-orchestrator status >/dev/null
start_fleet
promise "a look at a stop takes nothing from the next supervisor" within 10 is_state carol stopped
agent-orchestrator up carol >/dev/null
systemctl stop agent-orchestrator.slice
promise "the end of the whole fleet is no stop of one" not grep 'systemctl stop' <(agent-orchestrator status; agent-orchestrator explain carol)
start_fleet
promise "and what ran runs again" within 20 pane carol

# By hand, after a boot.
agent-orchestrator down carol >/dev/null
rm /run/agent-orchestrator/launch/carol/launch.json
promise "a unit without a prepared start does not start" not systemctl start "$(session carol)"
promise "and says what does" within 5 in_journal carol '`agent-orchestrator up carol` starts it'
promise "which does" agent-orchestrator up carol
within 20 is_state carol idle
systemctl stop "$(session carol)"
within 10 is_state carol stopped
starts() { wc -l </srv/fleet/carol/starts; }
before=$(starts)
promise "one with a start that is as the config says" systemctl start "$(session carol)"
promise "runs" within 20 is_state carol idle
promise "and was started once" test "$(starts)" = $((before + 1))
systemctl stop "$(session carol)"
within 10 is_state carol stopped
sed -i '/^name = "carol"/,/^prompt/s/^prompt = .*/prompt = "go on"/' "$config"
systemctl reload "$supervisor"
promise "one whose prompt is another by now" systemctl start "$(session carol)"
replaced() { (($(starts) == before + 3)); }
promise "is replaced" within 20 replaced
done_with
