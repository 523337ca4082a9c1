//! Watched files on disk: told when their content changes, whatever happens to their folders.

use std::time::Duration;

use agent_orchestrator::policy::observation::Observation;

use crate::world::{Driver, World};

fn told(seen: &[Observation]) -> Vec<String> {
    let content = |content: &Result<Option<String>, String>| match content {
        Ok(Some(text)) => text.clone(),
        Ok(None) => "absent".to_owned(),
        Err(why) => format!("error: {why}"),
    };
    let line = |seen: &Observation| {
        if let Observation::File { in_loop, content: is, .. } = seen {
            format!("{in_loop}: {}", content(is))
        } else {
            format!("{seen:?}")
        }
    };
    seen.iter().map(line).collect()
}

#[test]
fn a_watched_file_is_told_when_its_content_changes() {
    let world = World::new();
    let path = world.path("deep/er/STATUS.md");
    let mut driver = Driver::new(&world);
    driver.files.watch("", vec![path.clone()]);
    assert_eq!(driver.file(&path), Ok(None), "its folders are missing");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    world.write("deep/er/STATUS.md", "one");
    assert_eq!(driver.file(&path), Ok(Some("one".to_owned())));
    world.write("deep/er/draft", b"two \xff");
    std::fs::rename(world.path("deep/er/draft"), &path).unwrap();
    assert_eq!(driver.file(&path), Ok(Some("two \u{fffd}".to_owned())));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(driver.file(&path), Ok(None));
    world.write("deep/er/STATUS.md", "three");
    assert_eq!(driver.file(&path), Ok(Some("three".to_owned())));

    std::fs::File::options().append(true).open(&path).unwrap();
    world.write("deep/er/STATUS.md", "three");
    world.write("deep/er/beside", "x");
    assert_eq!(told(&driver.rest(Duration::from_millis(50))), Vec::<String>::new(), "same content");

    std::fs::remove_dir_all(world.path("deep")).unwrap();
    assert_eq!(driver.file(&path), Ok(None));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    world.write("deep/er/STATUS.md", "four");
    assert_eq!(driver.file(&path), Ok(Some("four".to_owned())));
    std::fs::rename(world.path("deep"), world.path("away")).unwrap();
    assert_eq!(driver.file(&path), Ok(None));
    std::fs::rename(world.path("away"), world.path("deep")).unwrap();
    assert_eq!(driver.file(&path), Ok(Some("four".to_owned())));
}

#[test]
fn what_is_no_file_is_an_error_and_never_waited_for() {
    let world = World::new();
    let pipe = world.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::create_dir(world.path("folder")).unwrap();
    let mut driver = Driver::new(&world);
    driver.files.watch("", vec![pipe.clone(), world.path("folder"), world.path("pipe/inside")]);
    assert_eq!(driver.file(&world.path("folder")), Err(not_regular(&world.path("folder"))));
    assert_eq!(driver.file(&pipe), Err(not_regular(&pipe)));
    assert_eq!(driver.file(&world.path("pipe/inside")), Ok(None));
}

fn not_regular(path: &std::path::Path) -> String {
    format!("cannot read `{}`: not a regular file", path.display())
}

#[test]
fn two_loops_may_watch_one_file_and_each_its_own() {
    let world = World::new();
    let [shared, own] = [world.path("shared"), world.path("own")];
    let mut driver = Driver::new(&world);
    driver.files.watch("a", vec![shared.clone()]);
    driver.files.watch("b", vec![shared.clone(), own.clone()]);
    let quiet = Duration::from_millis(50);
    assert_eq!(told(&driver.rest(quiet)), ["a: absent", "b: absent", "b: absent"]);
    world.write("shared", "1");
    assert_eq!(told(&driver.rest(quiet)), ["a: 1", "b: 1"]);
    driver.files.watch("b", vec![own]);
    assert_eq!(told(&driver.rest(quiet)), ["b: absent"]);
    world.write("shared", "2");
    assert_eq!(told(&driver.rest(quiet)), ["a: 2"]);
    driver.files.watch("a", Vec::new());
    world.write("shared", "3");
    assert_eq!(told(&driver.rest(quiet)), Vec::<String>::new());
}

#[test]
fn a_config_behind_links_is_watched_wherever_it_changes() {
    let world = World::new();
    for generation in ["store/1", "store/2"] {
        std::fs::create_dir_all(world.path(generation)).unwrap();
        world.write(&format!("{generation}/agents.toml"), generation);
    }
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, world.path("draft")).unwrap();
        std::fs::rename(world.path("draft"), world.path(name)).unwrap();
    };
    link("store/1", "current");
    link("current/agents.toml", "agents.toml");
    let mut driver = Driver::new(&world);
    let quiet = Duration::from_millis(50);
    driver.files.watch_config(&world.path("agents.toml"));
    driver.rest(quiet);
    assert!(!driver.files.take_config_change());

    let mut changed = |what: &str| {
        driver.rest(quiet);
        assert!(driver.files.take_config_change(), "{what}");
        assert!(!driver.files.take_config_change(), "told once");
    };
    link("store/2", "current");
    changed("a folder on the way is another one");
    world.write("store/2/agents.toml", "edited");
    changed("the file itself was written");
    link("store/1/agents.toml", "agents.toml");
    changed("the link is another one");
    std::fs::remove_file(world.path("store/1/agents.toml")).unwrap();
    changed("the link leads nowhere");
    world.write("store/1/agents.toml", "back");
    changed("it leads somewhere again");
    std::fs::remove_file(world.path("agents.toml")).unwrap();
    changed("the link is gone");
}

#[test]
fn a_prompt_that_appears_and_a_change_without_event_are_noticed() {
    let world = World::new();
    let mut driver = Driver::new(&world);
    driver.files.set_fallback(Duration::from_secs(300));
    driver.files.watch_extra([world.path("prompt.md"), world.path("agents.toml")]);
    driver.files.watch_config(&world.path("agents.toml"));
    driver.rest(Duration::from_millis(20));
    assert!(!driver.files.take_extra_change());
    world.write("prompt.md", "do it");
    driver.rest(Duration::from_millis(50));
    assert!(driver.files.take_extra_change());
    assert!(!driver.files.take_config_change());

    world.write("agents.toml", "new");
    driver.skip(Duration::from_secs(301));
    assert!(driver.files.take_config_change(), "read again without an event");
    driver.rest(Duration::from_millis(50));
    assert!(!driver.files.take_config_change(), "the event tells nothing new");
}
