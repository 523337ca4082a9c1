//! Real git, real files: what is pushed is told, whatever is in the way.
#![expect(clippy::disallowed_methods, reason = "real processes and files")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "git/files.rs"]
mod files;
#[path = "git/remote.rs"]
mod remote;
mod within;
#[path = "git/world.rs"]
mod world;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use agent_orchestrator::policy::observation::Observation;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use within::within;
use world::{Driver, World, subjects};

#[test]
fn a_claim_and_a_review_that_come_together_are_both_told() {
    let world = World::new();
    world.origin("origin", "main", &["builder", "adversary"]);
    let (mut driver, base) = Driver::begin(&world, world.watch("", "builder", None));
    let baseline = driver.read("", None, &["STATUS.md"]);
    assert_eq!((baseline.head.as_str(), baseline.commits.len(), baseline.files.len()), (base.as_str(), 0, 0));

    world.write("builder/STATUS.md", "## DONE\n");
    world.write("builder/with blank.md", "x");
    world.git("builder", &["add", "."]);
    world.commit("builder", "claim: M1");
    let review = world.commit("builder", "review: M1 passed");
    world.push("builder", "main");

    assert_eq!(driver.head(""), review);
    let pushed = driver.read("", Some(&base), &["STATUS.md", "with blank.md", "none", "a\nb"]);
    assert_eq!(pushed.head, review);
    assert_eq!(subjects(&pushed), ["claim: M1", "review: M1 passed"]);
    assert_eq!(pushed.files.keys().collect::<Vec<_>>(), ["STATUS.md", "with blank.md"]);
    assert_eq!(pushed.files["STATUS.md"].text, "## DONE\n");
}

#[test]
fn an_amended_claim_is_told_again() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    let (mut driver, base) = Driver::begin(&world, world.watch("", "builder", None));
    driver.read("", None, &[]);
    let claim = world.commit("builder", "claim: M1");
    world.push("builder", "main");
    assert_eq!(driver.head(""), claim);
    assert_eq!(subjects(&driver.read("", Some(&base), &[])), ["claim: M1"]);

    world.git("builder", &["commit", "-q", "--amend", "--allow-empty", "-m", "claim: M1, mended"]);
    world.push("builder", "main");
    assert_ne!(driver.head(""), claim);
    assert_eq!(subjects(&driver.read("", Some(&claim), &[])), ["claim: M1, mended"]);
}

#[test]
fn a_base_that_nobody_knows_leaves_the_head_to_be_told() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    world.commit("builder", "claim: M1");
    world.push("builder", "main");
    let (mut driver, _) = Driver::begin(&world, world.watch("", "builder", None));
    assert_eq!(subjects(&driver.read("", Some(&"1".repeat(40)), &[])), ["claim: M1"]);
    assert_eq!(subjects(&driver.read("", Some("--all"), &[])), ["claim: M1"]);
}

#[test]
fn branches_in_folders_and_other_defaults_are_found() {
    let world = World::new();
    world.origin("origin", "trunk", &["builder"]);
    let mut driver = Driver::new(&world);
    driver.git.configure(&[world.watch("trunk", "builder", None), world.watch("work", "builder", Some("work/next/x"))]);
    let trunk = driver.head("trunk");
    assert_eq!(trunk, world.git("builder", &["rev-parse", "origin/trunk"]));

    let mut driver = Driver::new(&world);
    driver.git.configure(&[world.watch("work", "builder", Some("work/next/x"))]);
    assert_eq!(driver.trouble("work"), "the origin has no branch `work/next/x`");
    let head = world.commit("builder", "claim: on a branch");
    world.push("builder", "work/next/x");
    assert_eq!(driver.head("work"), head);
    assert_eq!(subjects(&driver.read("work", Some(&trunk), &[])), ["claim: on a branch"]);
}

#[test]
fn packed_references_are_read_and_change_nothing() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    world.git("origin.git", &["pack-refs", "--all"]);
    let (mut driver, base) = Driver::begin(&world, world.watch("", "builder", None));
    driver.read("", None, &[]);
    let claim = world.commit("builder", "claim: M1");
    world.push("builder", "main");
    assert_eq!(driver.head(""), claim);
    world.git("origin.git", &["pack-refs", "--all"]);
    let review = world.commit("builder", "review: M1");
    world.push("builder", "main");
    assert_eq!(driver.head(""), review, "packing alone tells nothing");
    assert_eq!(subjects(&driver.read("", Some(&base), &[])), ["claim: M1", "review: M1"]);
}

#[test]
fn what_is_no_file_in_a_repository_holds_nobody_up() {
    for name in ["builder/.git/commondir", "origin.git/packed-refs", "origin.git/refs/heads/main", "origin.git/HEAD"] {
        for put in
            [|path: &Path| mkfifo(path, Mode::S_IRWXU).unwrap(), |path: &Path| symlink("/dev/zero", path).unwrap()]
        {
            let world = World::new();
            world.origin("origin", "main", &["builder"]);
            world.git("origin.git", &["pack-refs", "--all"]);
            let _ = std::fs::remove_file(world.path(name));
            put(&world.path(name));
            within(name, move || {
                let mut driver = Driver::new(&world);
                driver.git.configure(&[world.watch("", "builder", None)]);
                driver.rest(Duration::from_millis(100));
            });
        }
    }
}

#[test]
fn git_takes_so_much_memory_at_most_and_goes_first_where_a_host_has_none_left() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    let bounded = "until [ \"$(cat /proc/$$/oom_score_adj)\" -ge 500 ]; do :; done";
    world.script("git", &format!("#!/bin/sh\n{bounded}\necho \"$(ulimit -d) KiB\" >&2\nexit 1\n"));
    let mut driver = Driver::new(&world);
    driver.git.configure(&[world.watch("", "builder", None)]);
    let trouble = driver.trouble("");
    assert!(trouble.contains("1048576 KiB"), "{trouble}");
}

#[test]
fn branches_in_folders_that_lead_round_in_circles_are_not_all_looked_for() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    world.git("origin.git", &["update-ref", "-d", "refs/heads/main"]);
    for name in ["one.lock", "two.lock"] {
        symlink(".", world.path("origin.git/refs/heads").join(name)).unwrap();
    }
    within("circles", move || {
        let mut driver = Driver::new(&world);
        driver.git.configure(&[world.watch("", "builder", None)]);
        driver.trouble("")
    });
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    let (mut driver, base) = Driver::begin(&world, world.watch("", "builder", None));
    world.write("builder/STATUS.md", b"## DONE\n\xff\n");
    world.git("builder", &["add", "."]);
    let tree = world.git("builder", &["write-tree"]);
    let lines = format!("tree {tree}\nparent {base}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\n");
    world.write("commit", [lines.as_bytes(), b"claim: \xfe\x1b[2J M1\n\nbody\n"].concat());
    let head = world.git("builder", &["hash-object", "-t", "commit", "-w", "../commit"]);
    world.git("builder", &["push", "-q", "origin", &format!("{head}:refs/heads/main")]);
    driver.head("");
    let pushed = driver.read("", Some(&base), &["STATUS.md"]);
    assert_eq!(subjects(&pushed), ["claim: \u{fffd}[2J M1"]);
    assert_eq!(pushed.files["STATUS.md"].text, "## DONE\n\u{fffd}\n");
}

#[test]
fn an_empty_origin_is_a_state_until_the_first_push() {
    let world = World::new();
    // The default of the origin never comes to exist.
    world.git("", &["init", "-q", "--bare", "-b", "master", "origin.git"]);
    world.git("", &["clone", "-q", "origin.git", "builder"]);
    let mut driver = Driver::new(&world);
    driver.git.configure(&[world.watch("", "builder", None)]);
    assert_eq!(driver.trouble(""), "the origin is empty");
    driver.git.read_pushed("", None, Vec::new());
    assert_eq!(driver.pushed(""), Err("the origin is empty".to_owned()));
    let head = world.commit("builder", "start");
    world.push("builder", "main");
    assert_eq!(driver.head(""), head);
    assert_eq!(driver.read("", None, &[]).head, head);
}

#[test]
fn an_origin_that_is_moved_away_is_shown_and_is_back_when_it_is_back() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    let (mut driver, head) = Driver::begin(&world, world.watch("", "builder", None));
    std::fs::rename(world.path("origin.git"), world.path("away.git")).unwrap();
    assert_eq!(driver.trouble(""), format!("the origin `{}` does not exist", world.path("origin.git").display()));
    std::fs::rename(world.path("away.git"), world.path("origin.git")).unwrap();
    assert_eq!(driver.head(""), head, "told again though it is the same");
    let claim = world.commit("builder", "claim: M1");
    world.push("builder", "main");
    assert_eq!(driver.head(""), claim);
}

#[test]
fn a_folder_becomes_a_clone_and_gets_another_origin() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    let mut driver = Driver::new(&world);
    driver.git.configure(&[world.watch("", "later", None)]);
    assert_eq!(driver.trouble(""), format!("`{}` is not a git clone", world.path("later").display()));
    world.git("", &["init", "-q", "later"]);
    assert_eq!(driver.trouble(""), format!("`{}` has no remote `origin`", world.path("later").display()));
    world.git("later", &["remote", "add", "origin", "../origin.git"]);
    assert_eq!(driver.head(""), world.git("builder", &["rev-parse", "HEAD"]));

    world.origin("other", "main", &["second"]);
    world.commit("second", "claim: elsewhere");
    world.push("second", "main");
    world.git("later", &["remote", "set-url", "origin", &format!("file://{}", world.path("other.git").display())]);
    let head = world.git("second", &["rev-parse", "HEAD"]);
    assert_eq!(driver.head(""), head);
    assert_eq!(driver.read("", None, &[]).head, head);
}

#[test]
fn the_agents_clone_is_left_untouched() {
    let world = World::new();
    world.origin("origin", "main", &["builder", "adversary"]);
    let before = world.listing("builder");
    let (mut driver, base) = Driver::begin(&world, world.watch("", "builder", None));
    driver.read("", None, &[]);
    world.commit("adversary", "review: M1");
    world.push("adversary", "main");
    driver.head("");
    assert_eq!(subjects(&driver.read("", Some(&base), &["STATUS.md"])), ["review: M1"]);
    assert_eq!(world.listing("builder"), before);
}

#[test]
fn an_added_working_tree_is_a_clone_too() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    world.git("builder", &["worktree", "add", "-q", "-b", "side", "../tree"]);
    let (mut driver, base) = Driver::begin(&world, world.watch("", "tree", Some("main")));
    let claim = world.commit("tree", "claim: M1");
    world.push("tree", "main");
    assert_eq!(driver.head(""), claim);
    assert_eq!(subjects(&driver.read("", Some(&base), &[])), ["claim: M1"]);
}

#[test]
fn a_broken_mirror_is_made_anew() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    let (mut driver, base) = Driver::begin(&world, world.watch("", "builder", None));
    driver.read("", None, &[]);
    let claim = world.commit("builder", "claim: M1");
    world.push("builder", "main");
    driver.head("");
    assert_eq!(driver.read("", Some(&base), &[]).head, claim);
    driver.until_kept(&world, &claim);
    // As after a loss of power: the files are there, and empty.
    let empty_all_files = || {
        let objects = world.path("state/mirrors/loop.git/objects");
        // Git leaves them unwritable, which only root may ignore.
        let arguments = ["-type", "f", "-exec", "chmod", "u+w", "{}", "+", "-exec", "truncate", "-s0", "{}", "+"];
        assert!(std::process::Command::new("find").arg(objects).args(arguments).status().unwrap().success());
    };
    empty_all_files();
    assert_eq!(subjects(&driver.read("", Some(&base), &[])), ["claim: M1"]);
    driver.settle();

    empty_all_files();
    world.commit("builder", "claim: M2");
    world.push("builder", "main");
    driver.head("");
    assert_eq!(subjects(&driver.read("", Some(&base), &[])), ["claim: M1", "claim: M2"]);
}

#[test]
fn a_base_that_the_origin_has_forgotten_is_still_known() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    let (mut driver, base) = Driver::begin(&world, world.watch("", "builder", None));
    driver.read("", None, &[]);
    driver.settle();
    let claim = world.commit("builder", "claim: M1");
    world.push("builder", "main");
    driver.head("");
    driver.read("", Some(&base), &[]);
    driver.until_kept(&world, &claim);

    world.git("builder", &["reset", "-q", "--hard", &base]);
    world.commit("builder", "claim: M1, anew");
    world.commit("builder", "status: in work");
    world.push("builder", "main");
    world.git("origin.git", &["gc", "-q", "--prune=now"]);
    assert!(world.try_git("origin.git", &["cat-file", "-e", &claim]).is_err());
    driver.head("");
    assert_eq!(subjects(&driver.read("", Some(&claim), &[])), ["claim: M1, anew", "status: in work"]);
}

#[test]
fn other_forms_of_repository_are_read_too() {
    let world = World::new();
    for (form, argument) in [("sha256", "--object-format=sha256"), ("reftable", "--ref-format=reftable")] {
        if world.try_git("", &["init", "-q", "--bare", argument, &format!("{form}.git")]).is_err() {
            continue;
        }
        world.git("", &["clone", "-q", &format!("{form}.git"), form]);
        world.commit(form, "start");
        world.push(form, "main");
        // One mirror serves both, one after the other.
        let (mut driver, base) = Driver::begin(&world, world.watch("", form, None));
        driver.read("", None, &[]);
        let claim = world.commit(form, "claim: M1");
        world.push(form, "main");
        assert_eq!(driver.head(""), claim, "{form}");
        let pushed = driver.read("", Some(&base), &[]);
        assert_eq!((pushed.head.as_str(), subjects(&pushed)), (claim.as_str(), vec!["claim: M1"]), "{form}");
        driver.settle();
    }
}

#[test]
fn another_users_origin_is_read() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    let owned = std::process::Command::new("chown").args(["-R", "12345"]).arg(world.path("origin.git")).output();
    if !owned.unwrap().status.success() {
        return;
    }
    let (mut driver, base) = Driver::begin(&world, world.watch("", "builder", None));
    assert_eq!(driver.read("", None, &[]).head, base);
    driver.until_kept(&world, &base);
}

#[test]
fn a_later_request_replaces_the_one_that_waits() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    world.write("builder/a", "a");
    world.write("builder/b", "b");
    world.git("builder", &["add", "."]);
    world.commit("builder", "claim: M1");
    world.push("builder", "main");
    let (mut driver, _) = Driver::begin(&world, world.watch("", "builder", None));
    for path in ["a", "none", "b"] {
        driver.git.read_pushed("", None, vec![path.to_owned()]);
    }
    let mut files = || driver.pushed("").unwrap().files.into_keys().collect::<Vec<_>>();
    assert_eq!((files(), files()), (vec!["a".to_owned()], vec!["b".to_owned()]));
    assert_eq!(driver.rest(Duration::from_millis(50)), []);
    driver.git.read_pushed("other", None, Vec::new());
    assert_eq!(driver.pushed("other"), Err("nothing pushed is watched for this loop".to_owned()));
}

#[test]
fn a_changed_setup_disturbs_only_what_changed() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    world.push("builder", "side");
    let setups = [world.watch("a", "builder", None), world.watch("b", "builder", None)];
    let mut driver = Driver::new(&world);
    driver.git.configure(&setups);
    driver.head("a");
    driver.settle();
    let side = world.commit("builder", "claim: side");
    world.push("builder", "side");
    assert_eq!(driver.rest(Duration::from_millis(50)), []);

    let [a, mut b] = setups;
    b.branch = Some("side".to_owned());
    let slower = agent_orchestrator::daemon::git::LoopWatch { heavy_interval: Duration::from_secs(600), ..a };
    driver.git.configure(&[slower, b]);
    let seen = driver.settle();
    assert_eq!(seen, [Observation::Head { in_loop: "b".to_owned(), head: side }]);
    driver.git.configure(&[]);
    world.commit("builder", "claim: main");
    world.push("builder", "main");
    assert_eq!(driver.rest(Duration::from_millis(50)), []);
}

#[test]
fn nothing_wakes_while_nothing_happens() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    let (mut driver, _) = Driver::begin(&world, world.watch("", "builder", None));
    driver.read("", None, &[]);
    driver.settle();
    let (wakes, calls) = (driver.wakes, world.calls().len());
    world.write("beside-the-origin", "the folder above is busy");
    assert_eq!(driver.rest(Duration::from_millis(200)), []);
    driver.skip(Duration::from_secs(301));
    assert_eq!(driver.rest(Duration::from_millis(50)), []);
    assert_eq!((driver.wakes, world.calls().len()), (wakes, calls), "re-reading forks nothing");
}
