# The real agent programs in the confinement of their units: what they run on, node and bun, is not taken from them.
. "$(dirname "$0")/lib.sh"
programs=/opt/agents
[[ -x /usr/local/bin/node && -d $programs ]] ||
    not_here "no agent programs are installed on the host of this machine (\`tests/agents/run --install\` does)"
program() { echo "$programs/$1"-*/"node_modules/.bin/$1"; }
simple_fleet ada
start_fleet
within 10 pane ada >/dev/null
promise "node compiles as it runs" inside ada node -e 'let n = 0; for (let i = 0; i < 3e7; i++) n += i % 7; console.log(n)'
promise "and starts threads" inside ada node -e 'new (require("worker_threads").Worker)("process.exit(0)", { eval: true })'
promise "a tool is put into namespaces of its own" inside ada unshare --user --map-root-user --net --pid --fork true
for name in claude codex gemini opencode; do
    if [[ -x $(program $name) ]]; then
        promise "$name runs in a session" inside ada "$(program $name)" --version
    else
        cannot "$name is not installed"
    fi
done
if [[ -x $(program opencode) ]]; then
    ln -s "$(program opencode)" /usr/local/bin/opencode
    echo OPENCODE_SERVER_PASSWORD=opensesame >/etc/agent-orchestrator/web.env
    chmod 600 /etc/agent-orchestrator/web.env
    # answers CODE ARGUMENT...
    answers() { [[ $(curl --silent --output /dev/null --max-time 5 --write-out '%{http_code}' 127.0.0.1:4096/session "${@:2}") == "$1" ]]; }
    events() { grep --quiet '^data: ' <(curl --silent --max-time 10 --user opencode:opensesame 127.0.0.1:4096/event); }
    promise "the web part starts opencode" systemctl start agent-orchestrator-web
    promise "which serves its conversations" within 60 answers 200 --user opencode:opensesame
    promise "not without its password" answers 401
    promise "and its events" events
    promise "and goes on" is_up agent-orchestrator-web
fi
done_with
