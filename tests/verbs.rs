//! Every verb, run by the real program on real tmux and git.

mod fleet;

use fleet::TestFleet;
use fleet::agents::BOX_BACKEND;

fn box_fleet() -> TestFleet {
    let head = "[defaults]\nsession_prefix = 't-'\nlog_dir = 'logs'\nbackend = 'box'\n";
    TestFleet::new(&format!("{head}{BOX_BACKEND}\n[[agent]]\nname = 'one'\nprompt = 'x'\n"))
}

#[test]
fn a_text_is_sent_and_everything_ends() {
    let fleet = box_fleet();
    fleet.run(&["up"]).good();
    fleet.run(&["send", "one", "hello", "there"]).good();
    fleet.until_file_has("received.txt", "hello there\n---\n");
    let long = format!("first line\n{}\nlast line", "word ".repeat(20_000));
    fleet.write("long.txt", &long);
    fleet.run(&["send", "one", "--file", "long.txt"]).good();
    let received = fleet.until_file_has("received.txt", "last line\n---\n");
    assert_eq!(received, format!("hello there\n---\n{long}\n---\n"));
    fleet.run(&["down"]).good();
    assert!(fleet.processes().is_empty());
}
