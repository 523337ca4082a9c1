//! Claims, reviews and inboxes: what is pushed is typed into its reader's pane.

use std::fmt::Write as _;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fleet::until;
use crate::loops::{Lab, loops, named, one_loop};

#[test]
fn rule_12_only_what_is_pushed_is_told_and_the_reader_can_pull_it() {
    let config = one_loop(&["p1"], "").replace("[loop.handoff]", "[loop.handoff]\nbranch = \"work/it's-#1\"");
    let lab = Lab::new(&config);
    lab.repository("", "work/it's-#1", &["p1"]);
    let (builder, adversary) = (lab.builder(), lab.adversary());
    lab.hand_over(&builder, "claim(p1): from before the fleet");
    let lab = lab.up();
    let baseline = lab.fleet.git(&builder, &["rev-parse", "HEAD"]);
    lab.until_read("", &baseline);

    // Neither what is only committed nor what only looks like a claim is told.
    lab.commit(&builder, "claim(p1): not pushed yet");
    lab.write(&adversary, "notes.md", "claim(p1): prose in a file\n");
    let other = lab.hand_over(&adversary, "notes: a claim in words");
    lab.until_read("", &other);
    assert_eq!(lab.fleet.agent("adversary").pending, 0);

    let claim = lab.hand_over(&builder, "claim(p1): item one");
    let heard = lab.until_heard("adversary", "item one");
    assert!(heard.contains(&claim[..8]) && heard.contains("not pushed yet"), "both came with this push: {heard}");
    lab.fleet.git(&adversary, &["pull", "-q"]);
    assert_eq!(lab.fleet.git(&adversary, &["rev-parse", "HEAD"]), claim);

    let review = lab.hand_over(&adversary, "review(p1): FAIL item one");
    assert!(lab.until_heard("builder", "FAIL item one").contains(&review[..8]));

    // One push with both, and another branch, which is nobody's business.
    lab.fleet.git(&builder, &["pull", "-q", "--rebase"]);
    lab.fleet.git(&builder, &["push", "-q", "origin", "HEAD:refs/heads/other"]);
    lab.commit(&builder, "CLAIM(p1): again");
    let both = lab.hand_over(&builder, "review(p1): PASS of the other");
    lab.until_heard("adversary", "again");
    lab.until_heard("builder", "PASS of the other");

    lab.fleet.kill_supervisor();
    lab.fleet.run(&["up"]).good();
    lab.until_read("", &both);
    let last = lab.hand_over(&builder, "claim(p1): the last");
    lab.until_heard("adversary", "the last");
    lab.until_read("", &last);
    assert_eq!(lab.heard("adversary").len(), 3, "nothing is told twice: {:?}", lab.heard("adversary"));
    assert_eq!(lab.heard("builder").len(), 2, "nothing is told twice: {:?}", lab.heard("builder"));
    assert_eq!(lab.starts("builder").len() + lab.starts("adversary").len(), 2, "all agents went on");
}

#[test]
fn what_is_pushed_while_nobody_supervises_is_told_by_the_next() {
    let lab = Lab::of_one_loop(&["p1"], "").up();
    let builder = lab.builder();
    let first = lab.hand_over(&builder, "claim(p1): one");
    lab.until_heard("adversary", "one");
    lab.until_read("", &first);
    lab.fleet.kill_supervisor();

    lab.hand_over(&builder, "claim(p1): two");
    lab.hand_over(&lab.adversary(), "review(p1): FAIL one");
    lab.fleet.run(&["up"]).good();
    lab.until_heard("adversary", "two");
    lab.until_heard("builder", "FAIL one");

    // A claim that is amended and pushed over itself is another claim, also while nobody looks.
    lab.fleet.git(&builder, &["pull", "-q", "--rebase"]);
    lab.hand_over(&builder, "claim(p1): three, draft");
    lab.until_heard("adversary", "three, draft");
    lab.fleet.git(&builder, &["commit", "-q", "--amend", "--allow-empty", "-m", "claim(p1): three, amended"]);
    lab.push(&builder);
    lab.until_heard("adversary", "three, amended");
    let told = lab.fleet.git(&builder, &["rev-parse", "HEAD"]);
    lab.until_read("", &told);
    lab.fleet.kill_supervisor();
    lab.fleet.git(&builder, &["commit", "-q", "--amend", "--allow-empty", "-m", "claim(p1): three, amended again"]);
    lab.push(&builder);
    lab.fleet.run(&["up"]).good();
    lab.until_heard("adversary", "amended again");
    assert_eq!(lab.heard("adversary").len(), 5, "{:?}", lab.heard("adversary"));
    assert_eq!(lab.heard("builder").len(), 1, "{:?}", lab.heard("builder"));
}

#[test]
fn an_inbox_is_told_once_for_each_content() {
    let lab = Lab::of_one_loop(&["p1"], "").up();
    let builder = lab.builder();
    lab.write(&builder, "machine-docs/ADVERSARY-INBOX.md", "look at the tests\n");
    lab.write(&builder, "BUILDER-INBOX.md", "from a person, at the root\n");
    let pushed = lab.hand_over(&builder, "inboxes");
    lab.until_heard("adversary", "machine-docs/ADVERSARY-INBOX.md");
    lab.until_heard("builder", "BUILDER-INBOX.md");

    lab.until_read("", &pushed);
    lab.fleet.kill_supervisor();
    lab.fleet.run(&["up"]).good();
    let unchanged = lab.hand_over(&builder, "something else");
    lab.until_read("", &unchanged);

    lab.write(&builder, "machine-docs/ADVERSARY-INBOX.md", "look at the tests, and at the docs\n");
    lab.hand_over(&builder, "more for the adversary");
    until("the second content", || lab.heard_of("adversary", "INBOX") == 2);

    // Deleted once it is read; the same words are new content then.
    std::fs::remove_file(builder.join("machine-docs/ADVERSARY-INBOX.md")).unwrap();
    let deleted = lab.hand_over(&builder, "read");
    lab.until_read("", &deleted);
    lab.write(&builder, "machine-docs/ADVERSARY-INBOX.md", "look at the tests, and at the docs\n");
    let again = lab.hand_over(&builder, "once more");
    until("the third content", || lab.heard_of("adversary", "INBOX") == 3);
    lab.until_read("", &again);
    lab.until_nothing_waits();
    assert_eq!((lab.heard_of("builder", "INBOX"), lab.heard_of("adversary", "INBOX")), (1, 3));
}

#[test]
fn two_loops_do_not_know_of_each_other() {
    let lab = Lab::new(&loops(&[("red", &["p1", "p2"]), ("blue", &["b1"])]));
    lab.repository("red", "main", &["p1", "p2"]);
    lab.repository("blue", "trunk", &["b1"]);
    let lab = lab.up();
    let (red, blue) = (lab.clone_of("red", "builder"), lab.clone_of("blue", "builder"));
    lab.hand_over(&red, "claim(p1): red's");
    lab.hand_over(&blue, "claim(b1): blue's");
    lab.until_heard("red-adversary", "red's");
    lab.until_heard("blue-adversary", "blue's");

    lab.write(&red, "machine-docs/STATUS-p1.md", "## DONE\n");
    lab.hand_over(&red, "status(p1): done");
    for role in ["builder", "adversary"] {
        assert!(lab.until_start(&named("red", role), 2).contains("|- Phase: p2|"));
    }
    assert_eq!(lab.in_loop("blue").phase.as_deref(), Some("b1"));

    lab.write(&blue, "STATUS-b1.md", "## DONE\n");
    lab.hand_over(&blue, "status(b1): done");
    lab.fleet.until_file_has("logs/SEQUENCE-COMPLETE-blue", "b1");
    lab.fleet.until_state("blue-builder", "stopped");
    lab.fleet.until_state("blue-adversary", "stopped");
    lab.until_ready(&["red-builder", "red-adversary"]);
    assert!(!lab.fleet.project.join("logs/SEQUENCE-COMPLETE-red").exists());
    assert_eq!(lab.heard("red-adversary").len() + lab.heard("blue-adversary").len(), 2);

    // `phase` needs to know which one is meant.
    lab.fleet.run(&["phase", "next"]).bad(2);
    lab.write(&blue, "STATUS-b1.md", "reopened\n");
    let reopened = lab.hand_over(&blue, "status(b1): reopened");
    lab.until_read("blue", &reopened);
    lab.fleet.run(&["phase", "set", "b1", "--loop", "blue"]).good();
    assert!(lab.until_start("blue-builder", 2).contains("|- Phase: b1|"));
    assert!(!lab.fleet.project.join("logs/SEQUENCE-COMPLETE-blue").exists());
}

#[test]
fn a_ping_waits_for_a_reader_that_is_dead_busy_or_typed_into() {
    let config = one_loop(&["p1"], "").replace("watch = 'heal'", "watch = 'none'");
    let lab = Lab::new(&config);
    lab.repository("", "main", &["p1"]);
    let lab = lab.up();
    let builder = lab.builder();

    lab.type_line("adversary", "/busy");
    lab.fleet.until_screen("adversary", "esc to interrupt");
    lab.hand_over(&builder, "claim(p1): while it works");
    lab.until_explained("adversary", "the agent is busy");
    assert_eq!(lab.heard("adversary").len(), 0);
    lab.type_line("adversary", "/idle");
    lab.until_heard("adversary", "while it works");

    lab.fleet.tmux("adversary", &["send-keys", "-l", "rm -rf build"]);
    lab.fleet.until_screen("adversary", "> rm -rf build");
    lab.hand_over(&builder, "claim(p1): behind a draft");
    lab.until_explained("adversary", "a person's draft stands in the input box: `rm -rf build`");
    lab.hand_over(&builder, "claim(p1): merged with it");
    lab.fleet.tmux("adversary", &["send-keys", "-l", " now"]);
    lab.fleet.tmux("adversary", &["send-keys", "Enter"]);
    let heard = lab.until_heard("adversary", "behind a draft");
    assert!(heard.contains("merged with it"), "waiting pings are one: {heard}");
    assert_eq!(lab.heard_of("adversary", "rm -rf build now"), 1, "{:?}", lab.heard("adversary"));

    lab.until_nothing_waits();
    lab.type_line("adversary", "/exit 3");
    let dead = lab.fleet.until_state("adversary", "dead");
    assert_eq!(dead.last_exit.as_deref(), Some("exit status 3"));
    let claim = lab.hand_over(&builder, "claim(p1): to the dead");
    lab.until_read("", &claim);
    assert_eq!(lab.fleet.agent("adversary").pending, 1, "it waits, and shows");
    lab.fleet.run(&["up", "adversary"]).good();
    lab.until_heard("adversary", "to the dead");
    assert_eq!(lab.starts("adversary").len(), 2);
}

#[test]
fn a_reader_that_hangs_is_not_taken_for_one_that_has_read() {
    let lab = Lab::of_one_loop(&["p1"], "").up();
    let builder = lab.builder();
    lab.type_line("adversary", "/hang");
    lab.hand_over(&builder, "claim(p1): to one that hangs");
    lab.until_explained("adversary", "is typed, not submitted");
    assert_eq!(lab.fleet.agent("adversary").pending, 1, "it is not taken as delivered");
    // Others are served meanwhile.
    lab.hand_over(&lab.adversary(), "review(p1): for the builder");
    lab.until_heard("builder", "for the builder");
    lab.go_on("adversary");
    lab.until_heard("adversary", "to one that hangs");
    lab.until_nothing_waits();
    assert_eq!(lab.heard("adversary").len(), 1);

    // One that is killed while it hangs gets it after its restart.
    lab.type_line("adversary", "/hang");
    lab.fleet.git(&builder, &["pull", "-q", "--rebase"]);
    lab.hand_over(&builder, "claim(p1): to one that dies");
    lab.until_explained("adversary", "is submitted, not confirmed");
    kill(Pid::from_raw(lab.fleet.pane_pid("adversary")), Signal::SIGKILL).unwrap();
    let heard = lab.until_heard("adversary", "to one that dies");
    assert!(heard.starts_with("(possibly repeated) "), "{heard}");
    assert_eq!(lab.starts("adversary").len(), 2);
}

#[test]
fn bytes_that_are_no_utf8_are_read_as_text() {
    let lab = Lab::of_one_loop(&["p1", "p2"], "").up();
    let builder = lab.builder();
    let message = lab.fleet.root.join("message");
    std::fs::write(&message, b"claim(p1): caf\xe9 \x1b[31m\xff\xfe done\n\nbody\xff\n").unwrap();
    lab.fleet.git(&builder, &["commit", "-q", "--allow-empty", "-F", message.to_str().unwrap()]);
    lab.push(&builder);
    let heard = lab.until_heard("adversary", "claim(p1): caf");
    assert!(heard.contains("done") && !heard.contains('\u{1b}'), "{heard:?}");

    let mut status = String::new();
    writeln!(status, "# Phase p1").unwrap();
    let bytes = [status.as_bytes(), b"\xff\xfe\x80 binary\n\n## DONE\n"].concat();
    lab.push_status("p1", bytes);
    assert!(lab.until_start("builder", 2).contains("|- Phase: p2|"));
    assert!(lab.until_start("adversary", 2).contains("|- Phase: p2|"));
}
