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
# runs_as USER AGENT
runs_as() { [[ $(stat -c %U "/proc/$(pid_of "$2")") == "$1" ]]; }
promise "her tmux server tells her program" within 10 pid_of carol
promise "her program runs as her" within 20 runs_as carol carol
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
    "/dev/mqueue /dev/shm /run/agent-orchestrator/launch/carol /srv/fleet/carol /tmp /var/lib/carol /var/log/agent-orchestrator /var/tmp"
for other in ada dave; do
    promise "$other cannot read her files" not inside $other cat /var/lib/carol/key
    promise "nor her environment file" not inside $other cat /etc/agent-orchestrator/carol.env
    promise "nor her environment" not inside $other cat "/proc/$(pid_of carol)/environ"
    promise "nor signal her" not inside $other kill "$(pid_of carol)"
done
launch=/run/agent-orchestrator/launch
promise "nor can dave reach her terminal" not inside dave tmux -S $launch/carol/tmux send-keys x
# What a unit does not see is no answer of the socket's: so he tries it outside of his, in the group that the units have.
as_dave() { setpriv --reuid=dave --regid=agent-orchestrator --clear-groups -- "$@"; }
not as_dave tmux -S $launch/carol/tmux send-keys x 2>"$scratch/refused"
promise "nor from outside of his unit" grep -q 'Permission denied' "$scratch/refused"
cat >/srv/fleet/ask.pl <<'ASK'
use Socket;
socket(BRIDGE, PF_UNIX, SOCK_STREAM, 0) && connect(BRIDGE, sockaddr_un($ARGV[0])) || die "no connection: $!";
syswrite BRIDGE, "t-carol\n";
sysread BRIDGE, $answer, 1000;
print $answer;
ASK
# The newest connection has the client, and the supervisor's own comes again at once.
answered() { grep -q '^%begin' <(as_fleet perl /srv/fleet/ask.pl $launch/carol/bridge); }
promise "while the supervisor's user is answered at her bridge" within 20 answered
promise "dave is not" test "$(as_dave perl /srv/fleet/ask.pl $launch/carol/bridge 2>&1)" = ""
promise "where nothing has come in" not grep -q x <(tmux_of carol capture-pane -p -t '=t-carol:' | tail -n 1)
promise "she cannot read the others' files" not inside carol cat /var/lib/agent-orchestrator/home/key
promise "nor write their folders" not inside carol touch /srv/fleet/ada/x
promise "nor reach their terminals" not inside carol tmux -S /run/agent-orchestrator/tmux/ada send-keys x
promise "nor take their sockets away" not inside carol rm -f /run/agent-orchestrator/tmux/ada
promise "nor see what the supervisor hands them" test "$(inside carol ls /run/agent-orchestrator/launch)" = carol
promise "nor ask the supervisor" not inside carol agent-orchestrator status

terminal_of() { sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 5; }
# What is run writes which terminal controls it, and pushes a line into that as if it had been typed there.
cat >/tmp/push.sh <<'PUSH'
cut -d ' ' -f 7 /proc/self/stat >>/tmp/terminals
exec perl -e 'open(TTY, "+<", "/dev/tty") or exit; for (split //, "pushed\n") { my $typed = $_; ioctl TTY, 0x5412, $typed }'
PUSH
# attach NAME: as root, at a terminal whose number is noted; then what can be read there is noted up to an end that is typed.
attach() {
    rm -f "$scratch/roots" "$scratch/left" "$scratch/read"
    cat >"$scratch/attach.sh" <<ATTACH
cut -d ' ' -f 7 /proc/self/stat >$scratch/roots
agent-orchestrator attach $1
touch $scratch/left
while read -r line; do echo "\$line" >>$scratch/read; if [ "\$line" = end ]; then break; fi; done
ATTACH
    TERM=linux script --quiet --command "sh $scratch/attach.sh" "$scratch/terminal" <>"$scratch/typed" >/dev/null 2>&1 &
}
mkfifo "$scratch/typed"
type_end() { echo end >"$scratch/typed" && within 10 grep -qsx end "$scratch/read"; }

# What takes the place of her tmux server has each client that comes to it run a command, as tmux's protocol allows.
owned=/var/lib/agent-orchestrator/owned
attacked=/srv/fleet/carol/attacked
server=$launch/carol/tmux
[[ -S $server ]] || server=/run/agent-orchestrator/tmux/carol
cat >/srv/fleet/carol/server.pl <<'SERVER'
use Socket;
($path, $command) = @ARGV;
sub message { my ($type, $text) = @_; pack("LSSLL", $type, 16 + length $text, 0, 8, $$) . $text }
socket(SERVER, PF_UNIX, SOCK_STREAM, 0) && bind(SERVER, sockaddr_un("$path.new")) && listen(SERVER, 9) || die $!;
chmod 0770, "$path.new";
rename $path, "$path.real";
rename "$path.new", $path;
$SIG{PIPE} = "IGNORE";
while (accept(CLIENT, SERVER)) {
    # MSG_READY, MSG_EXEC, MSG_EXITED.
    syswrite CLIENT, message(207, "") . message(217, "$command\0/bin/sh\0") . message(204, "");
    while (sysread CLIENT, $said, 65536) { }
}
SERVER
cat >/srv/fleet/carol/replace.sh <<REPLACE
setsid perl /srv/fleet/carol/server.pl $server 'touch $owned; id -un >>$attacked; id -un >>/tmp/attacked; sh /tmp/push.sh; touch /tmp/pushed; exit 1' >/dev/null 2>&1 </dev/null &
echo \$! >/srv/fleet/carol/server.pid
REPLACE
promise "she puts a program in the place of her tmux server" inside carol sh /srv/fleet/carol/replace.sh
promise "which takes the clients" within 10 test -S $server.real
systemctl kill --signal=KILL "$supervisor"
promise "one of the next supervisor's comes" within 30 test -s $attacked -o -e $owned
promise "and does what it is told as her" grep -qx carol $attacked
promise "not as the supervisor's user" not test -e $owned
attach carol
promise "root's client that attaches to it does so too" within 20 test -e /tmp/pushed
promise "as her" not grep -vx carol /tmp/attacked
promise "nor as the fleet's user" not test -e $owned
promise "and is sent away" within 10 test -e "$scratch/left"
promise "it had a terminal" grep -vx 0 /tmp/terminals
promise "that is not root's" not grep -x "$(cat "$scratch/roots")" /tmp/terminals
promise "where all can be read that is typed" type_end
promise "and nothing that she has pushed" not grep -v end "$scratch/read"
kill "$(cat /srv/fleet/carol/server.pid)"
mv $server.real $server
lives() { is_state carol 'idle|working|starting'; }
promise "with her server back the supervisor finds her" within 90 lives
promise "and she is sent a text" within 20 inside carol true

attach ada
adas() { tmux_of ada list-clients -F '#{client_control_mode} #{client_pid}' | sed -n 's/^0 //p' | grep .; }
promise "root sits down at the terminal of an agent of the shared user" within 10 adas
promise "with a client of that user's" test "$(stat -c %U "/proc/$(adas)")" = agent-orchestrator
promise "on a terminal of its own" not test "$(terminal_of "$(adas)")" = "$(cat "$scratch/roots")"
promise "that it leaves" tmux_of ada detach-client -s t-ada
promise "at once" within 10 test -e "$scratch/left"
type_end

# Outside of her unit she is not in the group that may enter the fleet's folders.
attacked=/tmp/attacked
rm -f $attacked
TERM=linux script --quiet --command 'agent-orchestrator attach carol' "$scratch/terminal" <>"$scratch/never" >/dev/null 2>&1 &
persons() { tmux_of carol list-clients -F '#{client_control_mode} #{client_pid}' | sed -n 's/^0 //p' | grep .; }
promise "root sits down at her terminal" within 10 persons
promise "with a client that is hers" test "$(stat -c %U "/proc/$(persons)")" = carol
promise "which she can send away with a command" tmux_of carol detach-client -s t-carol -E "touch /root/owned; id -un >>$attacked"
promise "that is run as her" within 10 grep -qx carol $attacked
promise "and not as root" not test -e /root/owned
before=$(pid_of carol)
vanishes() {
    TERM=linux script --quiet --command 'agent-orchestrator attach carol' /dev/null <>"$scratch/never" >/dev/null 2>&1 &
    within 10 persons && kill -KILL "$!" && within 10 not persons
}
for round in 1 2 3 4 5 6; do promise "root's terminal vanishes, and so does the client" vanishes; done
promise "which says nothing to her program" test "$(pid_of carol)" = "$before"
promise "somebody else is told how" grep -q 'sudo agent-orchestrator' <(as_dave agent-orchestrator attach carol 2>&1)

kill -KILL "$(pgrep -u carol -f '^[^ ]*/agent-orchestrator bridge ')"
promise "without her bridge she is unknown" within 30 is_state carol unknown
promise "and her program goes on" pid_of carol
systemctl restart "$(session carol)"
promise "until her unit is restarted" within 60 lives
first=$(pid_of carol)
kill -KILL "$first"
anew() { local now; now=$(pid_of carol) && [[ $now != "$first" ]]; }
promise "her death is seen and healed" within 15 anew
promise "down ends her" agent-orchestrator down carol
promise "all of her" not pgrep -u carol
promise "up starts her" agent-orchestrator up carol
systemctl stop "$(session carol)"
promise "a stop of her unit is one by order" within 15 is_state carol stopped
systemctl start "$(session carol)"
promise "and a start of it is seen" within 15 lives

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

printf '#!/bin/sh\n{ id; ulimit -d; cat /proc/self/oom_score_adj; } >/tmp/evil-ran\nexit 1\n' >/srv/fleet/carol/evil
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
bounds() { sed -n '2,$p' "/proc/$(supervisor_pid)/root/tmp/evil-ran" | paste -s; }
bounded() { [[ $(bounds) == $'1048576\t500' ]]; }
promise "within git's bounds: a gigabyte, and gone before the agents" within 10 bounded
chown carol /srv/fleet/carol /srv/fleet/carol/.git /srv/fleet/carol/.git/config

agent-orchestrator down dave >/dev/null
promise "where the socket of an agent of the shared user is to be she can make none" \
    not inside carol tmux -S /run/agent-orchestrator/tmux/ada2 new-session -d
promise "as the kernel says" grep -q 'Permission denied' "$scratch/inside"
inside carol tmux -S $launch/dave/tmux new-session -d >/dev/null
promise "nor where those of dave are to be" grep -q 'No such file' "$scratch/inside"
promise "who is started again" within 20 agent-orchestrator up dave

if [[ ${SCENARIO_UNITS:-} == module ]]; then
    cannot "whose an agent is, the module's configuration says"
    done_with
fi
printf '[Service]\n%s\n' User=carol Group=carol ReadWritePaths=/var/lib/carol | drop_in "$(session dave)" 20-user
chown -R carol:agent-orchestrator /srv/fleet/dave
chown carol /var/log/agent-orchestrator/t-dave.log*
promise "moved to another user of its own he starts" within 20 agent-orchestrator restart dave
promise "as that one" within 20 runs_as carol dave
done_with
