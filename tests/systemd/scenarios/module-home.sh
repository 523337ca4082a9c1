# A rebuild that puts the fleet's project into somebody's home: needs both trees of the NixOS module (AO_TREE, or NixOS).
. "$(dirname "$0")/lib.sh"
home=/home/alice fleet=/home/alice/fleet
agent_program
# Closed to others, as NixOS makes it.
getent passwd alice >/dev/null || useradd --create-home alice
chmod 700 "$home"
touch "$home/hers"
systemctl start agent-orchestrator.target
promise "ada runs" within 20 pane ada

promise "the host is switched" switched_to home systemctl reload "$supervisor"
promise "nothing is made in a home" test "$(ls -A "$home" | grep -v '^\.')" = hers
promise "without its folder an agent does not start" not agent-orchestrator restart ada
for agent in ada bob; do install -d -o agent-orchestrator -g agent-orchestrator "$fleet/$agent"; done
promise "with it, it does" agent-orchestrator up ada
promise "there" within 20 test "$(readlink "/proc/$(pane ada)/cwd")" = "$fleet/ada"
promise "where it writes" inside ada touch mine
promise "also by its whole path" inside ada touch "$fleet/ada/too"
promise "of that home it sees nothing else" test "$(inside ada find "$home" -mindepth 1 -maxdepth 2 | paste -s -d ' ')" = "$fleet $fleet/ada"
promise "nor does it write elsewhere in it" not inside ada touch "$fleet/other"
promise "the home is as closed as it was" test "$(stat -c %U:%a "$home")" = alice:700
done_with
