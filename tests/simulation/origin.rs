//! A loop's git origin, and what its agents have made of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use agent_orchestrator::policy::observation::{Blob, Commit, Pushed};

/// A pushed commit with what stands in the tree then.
#[derive(Debug, Clone)]
pub struct Node {
    pub commit: Commit,
    parent: Option<String>,
    files: Arc<BTreeMap<String, String>>,
}

/// How far a phase's work has come, as far as it is pushed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work {
    pub claims: u32,
    pub reviews: u32,
    pub passes: u32,
}

/// A repository.
#[derive(Debug)]
pub struct Origin {
    nodes: BTreeMap<String, Node>,
    pub head: String,
    serial: u64,
    /// Why it cannot be asked.
    pub trouble: Option<String>,
    /// The next readings fail.
    pub bad_reads: u32,
    pub work: BTreeMap<String, Work>,
    /// What was told of it to the present supervisor.
    pub told: Option<Result<String, String>>,
}

impl Origin {
    pub fn new(name: &str) -> Self {
        let mut origin = Self {
            nodes: BTreeMap::new(),
            head: String::new(),
            serial: 0,
            trouble: None,
            bad_reads: 0,
            work: BTreeMap::new(),
            told: None,
        };
        origin.commit(name, "init", &[]);
        origin
    }

    /// Adds a commit; a file without a text is removed. Returns its id.
    pub fn commit(&mut self, name: &str, subject: &str, files: &[(String, Option<String>)]) -> String {
        self.serial += 1;
        let id = format!("{:08x}{name}", self.serial);
        let mut tree = self.nodes.get(&self.head).map(|node| (*node.files).clone()).unwrap_or_default();
        for (path, text) in files {
            match text {
                Some(text) => tree.insert(path.clone(), text.clone()),
                None => tree.remove(path),
            };
        }
        let parent = Some(std::mem::replace(&mut self.head, id.clone())).filter(|parent| !parent.is_empty());
        let commit = Commit { id: id.clone(), subject: subject.to_owned() };
        self.nodes.insert(id.clone(), Node { commit, parent, files: Arc::new(tree) });
        id
    }

    /// Takes the newest commit away, as before an amended one is pushed by force.
    pub fn drop_head(&mut self) -> Option<Commit> {
        let node = self.nodes.get(&self.head)?;
        let parent = node.parent.clone()?;
        self.head = parent;
        Some(node.commit.clone())
    }

    pub fn file(&self, path: &str) -> Option<&String> {
        self.nodes.get(&self.head)?.files.get(path)
    }

    pub fn files(&self) -> BTreeMap<String, Option<String>> {
        let node = self.nodes.get(&self.head);
        node.map(|node| node.files.iter().map(|(path, text)| (path.clone(), Some(text.clone()))).collect())
            .unwrap_or_default()
    }

    fn ancestry<'a>(&'a self, from: &'a str) -> impl Iterator<Item = &'a Node> {
        std::iter::successors(self.nodes.get(from), |node| self.nodes.get(node.parent.as_ref()?))
    }

    /// Returns the commits that are in `new` and not in `old`.
    pub fn between<'a>(&'a self, old: &'a str, new: &'a str) -> Vec<&'a Commit> {
        let known: Vec<&str> = self.ancestry(old).map(|node| node.commit.id.as_str()).collect();
        self.ancestry(new).map(|node| &node.commit).take_while(|commit| !known.contains(&commit.id.as_str())).collect()
    }

    /// Reads what is new since a commit, as git does.
    pub fn read(&self, since: Option<&str>, paths: &[String]) -> Pushed {
        let old: Vec<&str> =
            since.map(|since| self.ancestry(since).map(|node| node.commit.id.as_str()).collect()).unwrap_or_default();
        let known = since.is_some_and(|since| self.nodes.contains_key(since));
        let mut commits: Vec<Commit> = Vec::new();
        if known {
            let new = self.ancestry(&self.head).take_while(|node| !old.contains(&node.commit.id.as_str()));
            commits = new.map(|node| node.commit.clone()).collect();
            commits.reverse();
        }
        let blob = |path: &String| {
            let text = self.file(path)?.clone();
            Some((path.clone(), Blob { id: format!("blob {text}"), text }))
        };
        Pushed { head: self.head.clone(), commits, files: paths.iter().filter_map(blob).collect() }
    }
}
