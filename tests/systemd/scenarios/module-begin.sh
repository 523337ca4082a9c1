# Takes the fleet away that the NixOS module's files have started at the boot: each scenario begins with its own.
set -e
systemctl stop agent-orchestrator.target agent-orchestrator.slice
rm -rf /var/lib/agent-orchestrator/[a-gi-z]* /var/log/agent-orchestrator/* /run/agent-orchestrator/{tmux,launch}/*
journalctl --quiet --rotate --vacuum-time=1s
