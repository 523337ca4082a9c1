# The web part: on loopback with its secrets, behind a proxy on one address that comes late, events without delay.
. "$(dirname "$0")/lib.sh"
address=100.64.0.5
# The package's proxy is given an address and a port; the NixOS module's has nginx's own.
port=8080
[[ ${SCENARIO_UNITS:-} != module ]] || port=80
login=(--user opencode:opensesame)
get() { curl "${login[@]}" --silent --show-error --max-time "$1" "http://$2" 2>&1; }
gives() { [[ $(get 2 "$1") == served ]]; }
# answers CODE URL ARGUMENT...
answers() { [[ $(curl --silent --output /dev/null --max-time 2 --write-out '%{http_code}' "http://$2" "${@:3}") == "$1" ]]; }
if ((SCENARIO_BOOT == 2)); then
    promise "a boot starts the proxy" within 20 is_up nginx
    promise "and the web part" within 20 gives 127.0.0.1:4096/
    promise "before the address is there" test -z "$(ip address show to "$address")"
    pid=$(prop nginx MainPID)
    ip address add "$address/32" dev lo
    promise "the proxy is reached once it is" within 5 gives "$address:$port/"
    promise "without being started anew" test "$(prop nginx MainPID)" = "$pid"
    done_with
fi
simple_fleet ada
# A stand-in for `opencode serve`: an event each half second, and an upgrade that echoes, for who has its password.
cat >/usr/local/bin/opencode <<'SERVER'
#!/usr/bin/perl
use strict;
use IO::Socket::INET;
use MIME::Base64;
my %option = @ARGV[1 .. $#ARGV];
die "left over\n" if -e "/tmp/opencode-left";
open(my $left, ">", "/tmp/opencode-left");
my $server = IO::Socket::INET->new(LocalAddr => $option{"--hostname"}, LocalPort => $option{"--port"}, Listen => 9, ReuseAddr => 1) or die $!;
$SIG{CHLD} = "IGNORE";
while (my $client = $server->accept) {
    next if fork;
    my ($path) = <$client> =~ m{^GET (\S+)};
    my %head;
    while (<$client>) { last if /^\r?$/; $head{lc $1} = $2 if /^(\S+?):\s*(.*?)\r?$/ }
    $client->autoflush(1);
    my $password = $ENV{OPENCODE_SERVER_PASSWORD};
    if (defined $password && ($head{authorization} // "") ne "Basic " . encode_base64("opencode:$password", "")) {
        print $client "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
    } elsif (lc($head{upgrade} // "") eq "websocket") {
        print $client "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        while (defined(my $line = <$client>)) { print $client "echo $line" }
    } elsif ($path eq "/event") {
        print $client "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        for my $number (1 .. 20) { print $client "data: $number\n\n" or last; select(undef, undef, undef, 0.5) }
    } else {
        print $client "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nserved";
    }
    exit;
}
SERVER
chmod 755 /usr/local/bin/opencode
# fails_to_start: it is tried again and again, until somebody stops it.
fails_to_start() {
    ! systemctl start agent-orchestrator-web
    local code=$?
    systemctl stop agent-orchestrator-web
    return "$code"
}
rm -f /etc/agent-orchestrator/web.env
promise "without its environment file the web part does not start" fails_to_start
echo MODEL_KEY=x >/etc/agent-orchestrator/web.env
chmod 600 /etc/agent-orchestrator/web.env
promise "nor without a password in it" fails_to_start
echo OPENCODE_SERVER_PASSWORD=opensesame >>/etc/agent-orchestrator/web.env
promise "with it, it does" systemctl start agent-orchestrator-web
promise "it listens on loopback" within 5 gives 127.0.0.1:4096/
promise "where it serves nobody without the password" answers 401 127.0.0.1:4096/
promise "which its user cannot read itself" not as_fleet cat /etc/agent-orchestrator/web.env
pid=$(prop agent-orchestrator-web MainPID)
kill -KILL "$pid"
within 5 not kill -0 "$pid"
promise "rule 20: killed, it is started again, whatever it left in /tmp" within 10 gives 127.0.0.1:4096/

# use_package: the package's proxy and kernel settings, as the README says; the module's are in place.
use_package() {
    local share
    share=$(dirname "$(dirname "$(readlink -f "$(command -v agent-orchestrator)")")")/share/agent-orchestrator
    install -m 644 "$share/sysctl.conf" /etc/sysctl.d/60-agent-orchestrator.conf
    systemctl restart systemd-sysctl
    systemctl --quiet enable agent-orchestrator-web agent-orchestrator.target
    sed "s/listen .*;/listen $address:$port;/" "$share/nginx.conf" >/etc/nginx/conf.d/agent-orchestrator.conf
}
[[ ${SCENARIO_UNITS:-} == module ]] || use_package
rm -f /etc/nginx/sites-enabled/default
promise "the proxy starts before its address is there" systemctl start nginx
ip address add "$address/32" dev lo
promise "and is reached once it is" within 5 gives "$address:$port/"
refuses() { [[ $(get 2 "$1") == *'ould not connect'* ]]; }
promise "nobody gets in without the password" answers 401 "$address:$port/"
promise "nor with a wrong one" answers 401 "$address:$port/" --user opencode:open
promise "nor without it to the events" answers 401 "$address:$port/event"
promise "with it everybody does" answers 200 "$address:$port/" "${login[@]}"
promise "it refuses loopback" refuses 127.0.0.1:$port/
ip address add 100.64.0.6/32 dev lo
promise "and every other address" refuses 100.64.0.6:$port/
promise "what it stands before is on loopback only" refuses 100.64.0.6:4096/
promise "not on the address of the proxy either" refuses "$address:4096/"
first_event() { [[ $(timeout 1 curl "${login[@]}" --silent --no-buffer "http://$address:$port/event" | head -n 1) == "data: 1" ]]; }
promise "an event passes at once, not with the end of the stream" first_event
several() { (($(timeout 3 curl "${login[@]}" --silent --no-buffer "http://$address:$port/event" | grep -c data) >= 4)); }
promise "and so do the next" several
websocket() {
    exec 7<>"/dev/tcp/$address/$port" || return 1
    printf '%s\r\n' 'GET /pty HTTP/1.1' 'Host: x' 'Upgrade: websocket' 'Connection: Upgrade' \
        "Authorization: Basic $(printf opencode:opensesame | base64)" '' >&7
    local line
    read -r -t 3 line <&7 && [[ $line == *101* ]] || return 1
    while read -r -t 3 line <&7 && [[ $line != $'\r' ]]; do :; done
    printf 'hello\n' >&7
    read -r -t 3 line <&7 && [[ $line == "echo hello" ]]
}
promise "a websocket goes through in both directions" websocket
((failed)) && done_with
systemctl --quiet is-enabled nginx || systemctl --quiet enable nginx
sync
exit 64
