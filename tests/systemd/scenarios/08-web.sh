# The web part: on loopback with its secrets, behind a proxy on one address that comes late, events without delay.
. "$(dirname "$0")/lib.sh"
address=100.64.0.5
# The package's proxy is given an address and a port; the NixOS module's asks for a password besides.
port=8080 login=()
if [[ ${SCENARIO_UNITS:-} == module ]]; then
    port=80 login=(--user me:open)
    printf 'me:{PLAIN}open\n' >/etc/agent-orchestrator/htpasswd
fi
get() { curl "${login[@]}" --silent --show-error --max-time "$1" "http://$2" 2>&1; }
gives() { [[ $(get 2 "$1") == opensesame ]]; }
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
# A stand-in for `opencode serve`: an event each half second, and an upgrade that echoes.
cat >/usr/local/bin/opencode <<'SERVER'
#!/usr/bin/perl
use strict;
use IO::Socket::INET;
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
    if (lc($head{upgrade} // "") eq "websocket") {
        print $client "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        while (defined(my $line = <$client>)) { print $client "echo $line" }
    } elsif ($path eq "/event") {
        print $client "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        for my $number (1 .. 20) { print $client "data: $number\n\n" or last; select(undef, undef, undef, 0.5) }
    } else {
        print $client "HTTP/1.1 200 OK\r\nContent-Length: " . length($ENV{OPENCODE_SERVER_PASSWORD} // "") . "\r\n\r\n" . ($ENV{OPENCODE_SERVER_PASSWORD} // "");
    }
    exit;
}
SERVER
chmod 755 /usr/local/bin/opencode
printf 'OPENCODE_SERVER_PASSWORD=opensesame\n' >/etc/agent-orchestrator/web.env
chmod 600 /etc/agent-orchestrator/web.env
promise "the web part starts" systemctl start agent-orchestrator-web
promise "it listens on loopback, with its environment file" within 5 gives 127.0.0.1:4096/
promise "which its user cannot read itself" not as_fleet cat /etc/agent-orchestrator/web.env
pid=$(prop agent-orchestrator-web MainPID)
kill -KILL "$pid"
within 5 not kill -0 "$pid"
promise "killed, it is started again, whatever it left in /tmp" within 10 gives 127.0.0.1:4096/

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
if [[ ${SCENARIO_UNITS:-} == module ]]; then
    promise "nobody gets in without the password" test "$(curl --silent --output /dev/null --write-out '%{http_code}' "http://$address:$port/")" = 401
fi
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
        "Authorization: Basic $(printf me:open | base64)" '' >&7
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
