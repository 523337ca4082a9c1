# Takes the fleet away that the NixOS module's files have started at the boot: each scenario begins with its own.
set -e
systemctl stop agent-orchestrator.target agent-orchestrator.slice
rm -rf /var/lib/agent-orchestrator/[a-gi-z]* /var/log/agent-orchestrator/* /run/agent-orchestrator/{tmux,launch}/*
# What its agents, whose program is not there yet, have had told of their ends; a vacuum leaves what is a second old.
journalctl --quiet --rotate
rm -f /{run,var}/log/journal/*/*@*.journal
