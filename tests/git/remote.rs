//! Origins on another host, through a stand-in for ssh: asked at a cadence, hinted at by clones, hung.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use agent_orchestrator::daemon::git::LoopWatch;

use crate::world::{Driver, World, subjects};

/// Makes `clone` reach its origin through a stand-in for ssh.
fn through_ssh(world: &World, clone: &str, origin: &str) {
    let address = format!("ssh://host{}", world.path(origin).display());
    world.git(clone, &["remote", "set-url", "origin", &address]);
    world.git(clone, &["config", "core.sshCommand", world.path("ssh").to_str().unwrap()]);
}

#[test]
fn a_hung_origin_delays_nobody_else() {
    let world = World::new();
    world.origin("origin", "main", &["builder"]);
    world.origin("far", "main", &["other"]);
    through_ssh(&world, "other", "far.git");
    world.write("hang", "");
    let mut driver = Driver::new(&world);
    driver.git.configure(&[world.watch("here", "builder", None), world.watch("far", "other", None)]);
    let base = driver.head("here");
    driver.git.read_pushed("far", None, Vec::new());
    driver.read("here", None, &[]);
    let claim = world.commit("builder", "claim: M1");
    world.push("builder", "main");
    assert_eq!(driver.head("here"), claim);
    assert_eq!(subjects(&driver.read("here", Some(&base), &[])), ["claim: M1"]);

    driver.skip(Duration::from_secs(21));
    assert_eq!(driver.trouble("far"), "`git ls-remote` did not end within 20 s");
    assert_eq!(driver.pushed("far"), Err("`git ls-remote` did not end within 20 s".to_owned()));

    std::fs::remove_file(world.path("hang")).unwrap();
    driver.skip(Duration::from_secs(31));
    let far = driver.head("far");
    world.write("hang", "");
    driver.git.read_pushed("far", None, Vec::new());
    let calls = world.calls().len();
    driver.until("the mirror is made and the fetch has begun", || world.calls().len() >= calls + 2);
    driver.skip(Duration::from_secs(21));
    assert_eq!(driver.pushed("far"), Err("`git fetch` did not end within 20 s".to_owned()));
    std::fs::remove_file(world.path("hang")).unwrap();
    driver.skip(Duration::from_secs(31));
    assert_eq!(driver.head("far"), far, "told again, so that it is read again");
    assert_eq!(driver.read("far", None, &[]).head, far);
}

#[test]
fn a_push_to_another_host_is_told_at_once_by_the_clone_that_pushed() {
    let world = World::new();
    world.origin("far", "main", &["builder", "adversary"]);
    for clone in ["builder", "adversary"] {
        through_ssh(&world, clone, "far.git");
    }
    let mut setup = world.watch("", "builder", None);
    setup.clones.push(world.path("adversary"));
    let (mut driver, base) = Driver::begin(&world, setup);
    world.git("adversary", &["pull", "-q"]);
    let review = world.commit("adversary", "review: M1");
    world.push("adversary", "main");
    assert_eq!(driver.head(""), review);
    assert_eq!(subjects(&driver.read("", Some(&base), &[])), ["review: M1"]);
    let asked = world.calls().iter().filter(|call| call.contains("ls-remote")).count();
    assert_eq!(asked, 1, "the origin itself was asked only for the first head");
}

#[test]
fn an_origin_on_another_host_is_asked_and_comes_back() {
    let world = World::new();
    world.origin("far", "main", &["builder", "elsewhere"]);
    through_ssh(&world, "builder", "far.git");
    let setup = LoopWatch { signal_interval: Duration::from_millis(20), ..world.watch("", "builder", Some("main")) };
    let (mut driver, _) = Driver::begin(&world, setup);
    let head = world.commit("elsewhere", "claim: from another host");
    world.push("elsewhere", "main");
    assert_eq!(driver.head(""), head);
    world.write("refuse", "");
    assert_eq!(driver.trouble(""), "no route to host");
    std::fs::remove_file(world.path("refuse")).unwrap();
    assert_eq!(driver.head(""), head);
}

#[test]
fn a_login_that_others_can_have_written_does_not_count_and_is_named_when_git_fails() {
    let world = World::new();
    world.origin("far", "main", &["builder"]);
    through_ssh(&world, "builder", "far.git");
    world.git("builder", &["remote", "set-url", "origin", "ssh://host.invalid/far.git"]);
    world.write("refuse", "");
    let config = world.path("builder/.git/config");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o666)).unwrap();
    let mut driver = Driver::new(&world);
    driver.git.configure(&[world.watch("", "builder", None)]);
    let trouble = driver.trouble("");
    let told = format!("; the login in `{}` does not count, since others can write it", config.display());
    assert!(trouble.ends_with(&told) && !trouble.contains("no route to host"), "the stand-in is not run: {trouble}");
}

#[test]
fn a_clones_own_settings_do_not_make_the_origin_be_asked_again() {
    let world = World::new();
    world.origin("far", "main", &["builder"]);
    through_ssh(&world, "builder", "far.git");
    let (mut driver, _) = Driver::begin(&world, world.watch("", "builder", None));
    world.git("builder", &["config", "branch.side.remote", "origin"]);
    driver.settle();
    let asked = world.calls().iter().filter(|call| call.contains("ls-remote")).count();
    assert_eq!(asked, 1);
    let claim = world.commit("builder", "claim: M1");
    world.push("builder", "main");
    assert_eq!(driver.head(""), claim, "the hint is still taken");
    driver.skip(Duration::from_secs(31));
    driver.until("the origin is asked at its time", || {
        world.calls().iter().filter(|call| call.contains("ls-remote")).count() == 2
    });
}

#[test]
fn a_default_branch_of_another_name_is_followed() {
    let world = World::new();
    world.origin("origin", "master", &["builder", "far"]);
    world.git("far", &["remote", "set-head", "origin", "master"]);
    through_ssh(&world, "far", "origin.git");
    let mut driver = Driver::new(&world);
    driver.git.configure(&[world.watch("here", "builder", None), world.watch("far", "far", None)]);
    let first = driver.head("here");
    let mut second = Driver::new(&world);
    second.git.configure(&[world.watch("far", "far", None)]);
    assert_eq!(second.head("far"), first);

    world.git("origin.git", &["branch", "-m", "master", "trunk"]);
    let claim = world.commit("builder", "claim: M1");
    world.push("builder", "trunk");
    assert_eq!(driver.head("here"), claim);
    second.skip(Duration::from_secs(31));
    assert_eq!(second.head("far"), claim);
    assert_eq!(second.read("far", Some(&first), &[]).commits.len(), 1);
}
