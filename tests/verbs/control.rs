//! What a process of an agent may ask ad hoc, where it is known by its mark.

use agent_orchestrator::protocol::launch::MARK;

use super::fleet::Ended;
use super::{ONE, up};

#[test]
fn an_agent_is_known_by_its_mark_and_asks_what_its_control_allows() {
    let fleet = up(ONE);
    let ask = |arguments: &[&str], socket: &std::path::Path| -> Ended {
        fleet.begin_command(fleet.command(arguments).env(MARK, socket)).end()
    };
    let own = fleet.paths().tmux_socket("one");
    let refused = ask(&["status"], &own).bad(1);
    assert!(refused.contains("`control = \"observe\"` of agent `one`"), "{refused}");
    ask(&["down"], &own).bad(1);

    let text = std::fs::read_to_string(fleet.config()).unwrap();
    fleet.write("agents.toml", &text.replacen("name = 'one'", "name = 'one'\ncontrol = 'operate'", 1));
    fleet.until_status("the edit in force", |_| ask(&["status"], &own).code == 0);
    ask(&["send", "one", "--queue", "hello"], &own).good();
    assert!(ask(&["down"], &own).bad(1).contains("only a person"), "a person ends the fleet");

    let strange = own.with_file_name("../elsewhere/one");
    ask(&["status"], &strange).good();
    fleet.run(&["status"]).good();
}
