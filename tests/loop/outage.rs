//! Origins that are away, empty, far or hung, and a tmux server that hangs: a state, and nobody else's delay.

use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fleet::{kill_and_wait, lives, until};
use crate::loops::{Lab, loops, one_loop};

/// A stand-in for ssh: it runs the other end here, and hangs while the file `hang` beside it exists.
const SSH: &str = r#"#!/bin/sh
here=$(dirname "$0")
[ "$1" = -o ] && shift 2
shift
if [ -e "$here/hang" ]; then echo $$ >> "$here/hung"; exec tail -f /dev/null; fi
if [ -e "$here/refuse" ]; then echo 'Permission denied (publickey,password).' >&2; exit 255; fi
exec sh -c "$*"
"#;

/// Makes the stand-in for ssh, and a clone of a loop reach its origin through it.
fn through_ssh(lab: &Lab, in_loop: &str) {
    let draft = lab.fleet.root.join("ssh.draft");
    std::fs::write(&draft, SSH).unwrap();
    // A program that a test wrote itself may be held open for writing by a child that another test forks meanwhile.
    let copied = Command::new("install").args(["-m", "755"]).arg(&draft).arg(lab.fleet.root.join("ssh")).status();
    assert!(copied.unwrap().success());
    for role in ["builder", "adversary"] {
        let url = format!("ssh://host{}", lab.origin(in_loop).display());
        lab.fleet.git(&lab.clone_of(in_loop, role), &["remote", "set-url", "origin", &url]);
    }
}

/// Starts everything with the stand-in for ssh in the supervisor's environment.
fn up_through_ssh(lab: &Lab) {
    let mut command = lab.fleet.command(&["up"]);
    command.env("GIT_SSH_COMMAND", lab.fleet.root.join("ssh")).env("GIT_SSH_VARIANT", "simple");
    lab.fleet.begin_command(&mut command).end().good();
    lab.until_ready(&[]);
}

/// Pushes a commit from a clone that belongs to no agent, on the same host as the origin.
fn push_from_elsewhere(lab: &Lab, in_loop: &str, subject: &str) -> String {
    let clone = lab.fleet.root.join(format!("elsewhere-{in_loop}"));
    if !clone.exists() {
        let origin = lab.origin(in_loop);
        lab.fleet.git(&lab.fleet.root, &["clone", "-q", origin.to_str().unwrap(), clone.to_str().unwrap()]);
    }
    lab.hand_over(&clone, subject)
}

#[test]
fn an_origin_that_is_away_is_shown_with_since_when_and_comes_back() {
    let lab = Lab::of_one_loop(&["p1"], "").up();
    let (origin, away) = (lab.origin(""), lab.fleet.root.join("away.git"));
    std::fs::rename(&origin, &away).unwrap();
    let told = lab.fleet.until_event("origin-trouble", None);
    assert!(told.text.contains("origin.git` does not exist"), "{told:?}");
    lab.fleet.until_status("since when", |_| {
        let trouble = lab.in_loop("").trouble.unwrap();
        trouble.contains("does not exist (for ") && trouble.ends_with(" s)")
    });
    // It stays told, with the same beginning, over a restart.
    lab.fleet.kill_supervisor();
    lab.fleet.run(&["up"]).good();
    lab.until_ready(&[]);
    assert!(lab.fleet.run(&["status"]).good().contains("trouble: the origin `"));
    assert_eq!(lab.fleet.count_events("origin-trouble", None), 1);
    lab.commit(&lab.builder(), "claim(p1): while it was away");
    std::fs::rename(&away, &origin).unwrap();
    lab.fleet.until_event("origin-back", None);
    assert_eq!(lab.in_loop("").trouble, None);
    lab.push(&lab.builder());
    lab.until_heard("adversary", "while it was away");
    assert_eq!(lab.starts("adversary").len(), 1);
}

#[test]
fn rule_21_an_empty_origin_and_a_folder_that_is_no_clone_are_states() {
    let config = loops(&[("empty", &["p1"]), ("none", &["n1"])]);
    let lab = Lab::new(&config);
    let clones = ["builder", "adversary"].map(|role| lab.clone_of("empty", role));
    let origin = lab.origin("empty");
    lab.fleet.git(&lab.fleet.root, &["init", "-q", "--bare", "-b", "main", origin.to_str().unwrap()]);
    for clone in &clones {
        lab.fleet.git(&lab.fleet.root, &["clone", "-q", origin.to_str().unwrap(), clone.to_str().unwrap()]);
    }
    for role in ["builder", "adversary"] {
        std::fs::create_dir_all(lab.clone_of("none", role)).unwrap();
    }
    let lab = lab.up();
    let trouble = |in_loop: &str, part: &str| {
        lab.fleet.until_status(part, |picture| {
            let found = picture.loops.iter().find(|found| found.name == in_loop);
            found.is_some_and(|found| found.trouble.as_ref().is_some_and(|trouble| trouble.contains(part)))
        });
    };
    trouble("empty", "the origin is empty");
    trouble("none", "is not a git clone");
    lab.write(&clones[0], "plans/p1.md", "# Phase p1\n");
    let first = lab.commit(&clones[0], "plans");
    lab.push(&clones[0]);
    lab.until_read("empty", &first);
    lab.commit(&clones[0], "claim(p1): in a repository that was empty");
    lab.push(&clones[0]);
    lab.until_heard("empty-adversary", "in a repository that was empty");
    assert_eq!(lab.in_loop("empty").trouble, None);
}

#[test]
fn rule_21_an_origin_on_another_host_is_asked_and_one_that_refuses_is_a_state() {
    let config = one_loop(&["p1"], "").replace("signal_interval = 3600", "signal_interval = 1");
    let lab = Lab::new(&config);
    lab.repository("", "main", &["p1"]);
    through_ssh(&lab, "");
    up_through_ssh(&lab);
    let head = push_from_elsewhere(&lab, "", "nothing for anybody");
    lab.until_read("", &head);
    push_from_elsewhere(&lab, "", "claim(p1): from another host");
    lab.until_heard("adversary", "from another host");

    let refuse = lab.fleet.root.join("refuse");
    std::fs::write(&refuse, "").unwrap();
    let told = lab.fleet.until_event("origin-trouble", None);
    assert!(told.text.contains("Permission denied"), "{told:?}");
    std::fs::remove_file(&refuse).unwrap();
    lab.fleet.until_event("origin-back", None);
    push_from_elsewhere(&lab, "", "review(p1): PASS");
    lab.until_heard("builder", "PASS");
    assert_eq!((lab.heard("adversary").len(), lab.heard("builder").len()), (1, 1));
}

#[test]
fn a_hung_origin_delays_nothing_else() {
    let config = loops(&[("far", &["f1"]), ("near", &["n1", "n2"])]);
    let lab = Lab::new(&config.replace("signal_interval = 3600", "signal_interval = 1"));
    lab.repository("far", "main", &["f1"]);
    lab.repository("near", "main", &["n1", "n2"]);
    through_ssh(&lab, "far");
    std::fs::write(lab.fleet.root.join("hang"), "").unwrap();
    up_through_ssh(&lab);
    let hung = lab.fleet.root.join("hung");
    until("the origin is asked", || hung.exists());

    kill_and_wait(lab.fleet.pane_pid("far-builder"));
    kill_and_wait(lab.fleet.pane_pid("near-adversary"));
    lab.until_start("far-builder", 2);
    lab.until_start("near-adversary", 2);
    let near = lab.clone_of("near", "builder");
    lab.hand_over(&near, "claim(n1): beside a hung one");
    lab.until_heard("near-adversary", "beside a hung one");
    lab.write(&near, "STATUS-n1.md", "## DONE\n");
    lab.hand_over(&near, "status(n1): done");
    lab.until_start("near-builder", 2);
    assert_eq!(lab.in_loop("far").head, None, "all that happened while the origin hung");

    std::fs::remove_file(lab.fleet.root.join("hang")).unwrap();
    let text = std::fs::read_to_string(&hung).unwrap();
    for pid in text.lines().map(|pid| pid.parse().unwrap()).filter(|pid| lives(*pid)) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    let told = lab.fleet.until_event("origin-trouble", None);
    assert_eq!(told.in_loop.as_deref(), Some("far"));
    lab.fleet.until_event("origin-back", None);
    push_from_elsewhere(&lab, "far", "claim(f1): after all");
    lab.until_heard("far-adversary", "after all");
}

#[test]
fn a_hung_tmux_server_delays_nothing_else() {
    let config = one_loop(&["p1"], "") + "[[agent]]\nname = 'other'\nprompt = 'Wait.'\n";
    let lab = Lab::new(&config);
    lab.repository("", "main", &["p1"]);
    let lab = lab.up();
    let server = lab.fleet.tmux("adversary", &["display-message", "-p", "#{pid}"]).parse().unwrap();
    let server = Pid::from_raw(server);
    kill(server, Signal::SIGSTOP).unwrap();
    lab.hand_over(&lab.builder(), "claim(p1): into a hung one");
    lab.hand_over(&lab.adversary(), "review(p1): into a good one");
    lab.until_heard("builder", "into a good one");
    kill_and_wait(lab.fleet.pane_pid("other"));
    lab.until_start("other", 2);
    lab.fleet.run(&["send", "other", "hello"]).good();
    let row = lab.fleet.agent("adversary");
    assert_eq!((row.pending, lab.heard("adversary").len()), (1, 0), "{row:?}");
    // What cannot be asked is unknown, and is never started a second time.
    lab.fleet.until_event("unreachable", Some("adversary"));
    lab.fleet.until_state("adversary", "unknown");
    kill(server, Signal::SIGCONT).unwrap();
    lab.until_heard("adversary", "into a hung one");
    lab.until_ready(&["adversary"]);
    assert_eq!((lab.starts("adversary").len(), lab.heard("adversary").len()), (1, 1));
}
