#!/bin/sh
# The lightest agent: notes when it began, then swallows what is typed. Usage: light_agent.sh SESSION LOG_FOLDER
printf '{"t": %s, "event": "start", "pid": %s}\n' "$(date +%s.%N)" $$ >>"$2/$1.jsonl"
exec cat >/dev/null
