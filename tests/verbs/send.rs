//! `send`: what it says is true.

use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::fleet::TestFleet;
use super::fleet::agents::PROMPT_BACKEND;
use super::up;

const BOXES: &str = "[[agent]]\nname = 'one'\nwatch = 'heal'\n";
const LINES: &str = "[[agent]]\nname = 'lines'\nbackend = 'lines'\n";
const DEAF: &str = "[[agent]]\nname = 'deaf'\nbackend = 'deaf'\n";

/// Returns what the agent has received, one text per element.
fn received(fleet: &TestFleet) -> Vec<String> {
    fleet.read("received.txt").split_terminator("\n---\n").map(str::to_owned).collect()
}

#[test]
fn a_text_arrives_whole_whatever_stands_in_it() {
    let fleet = up(BOXES);
    let long = format!("first line\n\n  {}\n\ttab and ünïcode “漢字”\nlast line", "word ".repeat(20_000));
    fleet.write("long.txt", &format!("{long}\r\n\n"));
    let odd = "it's \"odd\": $HOME `date` #{pane_id} %d ; ' \\ {model} ~ *";
    assert_eq!(fleet.run(&["send", "one", "hello", "there"]).good(), "message m1 delivered\n");
    fleet.run(&["send", "one", odd]).good();
    fleet.run(&["send", "one", "--", "-n", "--wait"]).good();
    fleet.run(&["send", "one", "--file", "long.txt"]).good();
    let mut from_input = fleet.command(&["send", "one", "--file", "-"]);
    from_input.stdin(Stdio::from(std::fs::File::open(fleet.project.join("agents.toml")).unwrap()));
    fleet.begin_command(&mut from_input).end().good();
    let config = fleet.read("agents.toml");
    let expected = ["hello there", odd, "-n --wait", &long, config.trim_end()];
    assert_eq!(received(&fleet), expected);
    assert_eq!(fleet.count_events("delivered", Some("one")), 5);
}

#[test]
fn escapes_in_a_text_neither_end_the_paste_nor_reach_the_terminal() {
    let fleet = up(BOXES);
    fleet.write("text", "before\x1b[201~\rrm -rf /\x03\x07 after");
    fleet.run(&["send", "one", "--file", "text"]).good();
    assert_eq!(received(&fleet), ["before[201~\nrm -rf / after"]);
}

#[test]
fn many_lines_for_a_program_without_pastes_stand_in_a_file() {
    let fleet = up(LINES);
    let long = format!("first\n{}last", "a line of text\n".repeat(2000));
    fleet.write("long.txt", &long);
    let error = fleet.run(&["send", "lines", "--file", "long.txt"]).bad(7);
    assert!(
        error.contains("was typed and submitted; nothing proves that it arrived\nhint: a backend with `input_re`"),
        "{error}"
    );
    let screen = fleet.until_screen("lines", "read it now and act on it.").replace('\n', "");
    let path = screen.split("A message for you stands in ").nth(1).unwrap().split(": read it now").next().unwrap();
    assert_eq!(std::fs::read_to_string(Path::new(path)).unwrap(), long);
    fleet.run(&["send", "lines", "one line"]).bad(7);
    fleet.until_screen("lines", "one line\none line");
}

#[test]
fn a_prompt_on_a_terminal_in_line_mode_gets_one_line_for_a_long_text_and_it_is_delivered_once() {
    let fleet = up(&format!("{PROMPT_BACKEND}[[agent]]\nname = 'lined'\nbackend = 'prompt'\n"));
    for text in ["one\ntwo\nthree", &"word ".repeat(1000)] {
        fleet.write("text", text);
        fleet.run(&["send", "lined", "--file", "text"]).good();
    }
    fleet.run(&["send", "lined", "short"]).good();
    let read = fleet.read("read.txt");
    let lines: Vec<&str> = read.lines().collect();
    assert!(matches!(lines.as_slice(), [one, two, "short"] if one != two), "{lines:?}");
    for (line, start) in lines.into_iter().zip(["one\ntwo\nthree", "word word "]) {
        let path = line.strip_prefix("A message for you stands in ").unwrap().split(": read it now").next().unwrap();
        assert!(std::fs::read_to_string(Path::new(path)).unwrap().starts_with(start), "{line}");
    }
}

#[test]
fn a_program_that_never_reads_is_told_as_unconfirmed() {
    let fleet = up(DEAF);
    let error = fleet.run(&["send", "deaf", "hello", "--wait", "7"]).bad(7);
    assert!(
        error.starts_with("error: message m1 was typed into `deaf`, and nothing has proved yet that it arrived\n"),
        "{error}"
    );
    let explained = fleet.run(&["explain", "deaf"]).good();
    assert!(explained.contains("is submitted, not confirmed: hello"), "{explained}");
    assert_eq!(fleet.agent("deaf").pending, 1);
}

#[test]
fn a_program_that_is_slow_to_read_is_waited_for() {
    let fleet = up(BOXES);
    let pane = Pid::from_raw(fleet.pane_pid("one"));
    kill(pane, Signal::SIGSTOP).unwrap();
    let verb = fleet.begin(&["send", "one", "hello"]);
    fleet.until_status("the text in the terminal", |picture| {
        picture.agents[0].pending == 1 && fleet.run(&["explain", "one"]).good().contains("is typed")
    });
    assert!(verb.runs() && received(&fleet).is_empty());
    kill(pane, Signal::SIGCONT).unwrap();
    assert_eq!(verb.end().good(), "message m1 delivered\n");
    assert_eq!(received(&fleet), ["hello"]);
}

#[test]
fn busy_is_waited_for_and_a_message_that_comes_too_late_is_taken_back() {
    let fleet = up(BOXES);
    fleet.run(&["send", "one", "/busy"]).good();
    let error = fleet.run(&["send", "one", "--wait", "1", "too late"]).bad(5);
    assert_eq!(
        error,
        "error: the agent is busy\nhint: the message was taken back; `--wait` waits longer, `--queue` leaves it\n"
    );
    fleet.until_event("withdrawn", Some("one"));
    let waiting = fleet.begin(&["send", "one", "in time"]);
    fleet.until_status("the message", |picture| picture.agents[0].pending == 1);
    assert_eq!(fleet.run(&["send", "one", "--queue", "behind it"]).good(), "message m4 is queued for one\n");
    assert!(waiting.runs());
    fleet.tmux("one", &["send-keys", "-l", "/idle"]);
    fleet.tmux("one", &["send-keys", "Enter"]);
    waiting.end().good();
    fleet.until_file_has("received.txt", "behind it\n---\n");
    assert_eq!(received(&fleet), ["/busy", "/idle", "in time", "behind it"]);
}

#[test]
fn a_dialog_and_a_persons_draft_are_left_alone() {
    let fleet = up(BOXES);
    fleet.until_screen("one", ">");
    fleet.tmux("one", &["send-keys", "-l", "rm -rf build && "]);
    fleet.until_screen("one", "> rm -rf build &&");
    let error = fleet.run(&["send", "one", "--wait", "1", "hello"]).bad(8);
    assert!(error.starts_with("error: a person's draft stands in the input box: `rm -rf build &&`\n"), "{error}");
    let waiting = fleet.begin(&["send", "one", "hello"]);
    fleet.until_status("the message", |picture| picture.agents[0].pending == 1);
    let explained = fleet.run(&["explain", "one"]).good();
    assert!(explained.contains("waits: a person's draft stands in the input box"), "{explained}");
    assert!(fleet.screen("one").contains("> rm -rf build &&"));
    fleet.tmux("one", &["send-keys", "-l", "make"]);
    fleet.tmux("one", &["send-keys", "Enter"]);
    waiting.end().good();
    assert_eq!(received(&fleet), ["rm -rf build && make", "hello"]);

    fleet.tmux("one", &["send-keys", "-l", "/dialog"]);
    fleet.tmux("one", &["send-keys", "Enter"]);
    fleet.until_screen("one", "Do you trust");
    let error = fleet.run(&["send", "one", "--wait", "1", "again"]).bad(8);
    assert!(error.starts_with("error: no input box on the screen, a dialog may be in the way\n"), "{error}");
    assert!(fleet.screen("one").contains("Do you trust"), "nobody has answered it");
    let waiting = fleet.begin(&["send", "one", "again"]);
    fleet.until_status("the message", |picture| picture.agents[0].pending == 1);
    fleet.tmux("one", &["send-keys", "-l", "y"]);
    waiting.end().good();
    assert_eq!(received(&fleet).last().unwrap(), "again");
}

#[test]
fn a_held_agent_gets_nothing_until_its_limit_ends() {
    let limited = super::BOX_BACKEND.replace("[backend.box]", "[backend.metered]\nlimit_re = 'usage limit reached'");
    let fleet = up(&format!("{limited}\n[[agent]]\nname = 'one'\nbackend = 'metered'\nwatch = 'heal'\n"));
    fleet.run(&["send", "one", "/say usage limit reached"]).good();
    fleet.until_state("one", "limited");
    let error = fleet.run(&["send", "one", "--wait", "1", "hello"]).bad(6);
    assert!(error.contains("hint: the message was taken back"), "{error}");
    assert_eq!(received(&fleet), ["/say usage limit reached"]);
    let pid = fleet.pane_pid("one");
    let error = fleet.run(&["restart", "one"]).bad(6);
    assert!(error.contains("hint: `probe one` asks it now to go on"), "{error}");
    assert_eq!(fleet.pane_pid("one"), pid);
    let asked = fleet.run(&["probe", "one"]).good();
    assert_eq!(asked, "one is asked to go on; if it works, account metered is open\n");
    fleet.until_screen("one", "please go on where you stopped");
}

#[test]
fn who_does_not_run_gets_nothing_unless_it_is_queued() {
    let fleet = up(BOXES);
    fleet.run(&["down", "one"]).good();
    let error = fleet.run(&["send", "one", "hello"]).bad(4);
    assert_eq!(
        error,
        "error: `one` does not run\nhint: `up one` starts it; `send --queue` leaves the message for its next start\n"
    );
    fleet.run(&["send", "one", "--queue", "for later"]).good();
    fleet.kill_supervisor();
    fleet.run(&["up", "one"]).bad(3);
    fleet.run(&["up"]).good();
    assert_eq!(fleet.agent("one").pending, 1);
    fleet.run(&["up", "one"]).good();
    fleet.until_file_has("received.txt", "for later\n---\n");
    assert_eq!(received(&fleet), ["for later"]);
}

#[test]
fn control_c_takes_back_what_was_not_typed() {
    let fleet = up(BOXES);
    fleet.run(&["send", "one", "/busy"]).good();
    let waiting = fleet.begin(&["send", "one", "--wait", "600", "never mind"]);
    fleet.until_status("the message", |picture| picture.agents[0].pending == 1);
    waiting.signal(Signal::SIGINT);
    assert_eq!(waiting.end().code, 130);
    fleet.until_event("withdrawn", Some("one"));
    assert_eq!(fleet.agent("one").pending, 0);
    fleet.tmux("one", &["send-keys", "-l", "/idle"]);
    fleet.tmux("one", &["send-keys", "Enter"]);
    fleet.run(&["send", "one", "hello"]).good();
    assert_eq!(received(&fleet), ["/busy", "/idle", "hello"]);
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let fleet = up(BOXES);
    std::fs::write(fleet.project.join("binary"), b"a\xffb").unwrap();
    fleet.write("long", &"x".repeat(600 * 1024));
    fleet.write("empty", "\n \n");
    let refused: [(&[&str], i32, &str); 8] = [
        (&["send", "nobody", "hello"], 2, "error: there is no agent or service `nobody`\nhint: known: one\n"),
        (&["send", "one", " "], 2, "error: the text is empty\n"),
        (&["send", "one", "--file", "empty"], 2, "error: the text is empty\n"),
        (&["send", "one", "--file", "binary"], 2, "error: the text is not UTF-8\n"),
        (
            &["send", "one", "--file", "long"],
            2,
            "error: the text is longer than 512 kB\nhint: put it into a file and send the file's path\n",
        ),
        (&["send", "one", "--file", "none"], 1, "error: cannot read `none`: No such file or directory (os error 2)\n"),
        (&["send", "one", "--file", "."], 1, "error: cannot read `.`: Is a directory (os error 21)\n"),
        (&["send", "one", "\u{7}\u{1b}"], 2, "error: there is no text to send\n"),
    ];
    for (arguments, code, error) in refused {
        assert_eq!(fleet.run(arguments).bad(code), error, "{arguments:?}");
    }
    for usage in [
        &["send", "one"][..],
        &["send", "one", "x", "--wait", "soon"],
        &["send", "one", "x", "--queue", "--wait", "1"],
        &["send"],
    ] {
        assert_eq!(fleet.run(usage).code, 2, "{usage:?}");
    }
    fleet.kill_supervisor();
    let error = fleet.run(&["send", "one", "hello"]).bad(3);
    assert_eq!(
        error,
        "error: no supervisor runs for `agents.toml`\nhint: `agent-orchestrator up`, without names, starts one\n\
         hint: `send --queue` keeps the message for the next one\n"
    );
    assert!(received(&fleet).is_empty());
}
