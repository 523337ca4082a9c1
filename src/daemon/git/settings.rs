//! What a clone's config says of its origin: the address, and how to log in there.
//!
//! How to log in names programs that git runs, as the supervisor. So it counts only where nobody but the supervisor's own user
//! and root can have written it: an agent with a user of its own is not to run anything as another one.

use std::path::{Path, PathBuf};

/// The most settings of a clone that are handed on; git's own configs are far smaller.
const SETTINGS_MAX: usize = 200;

/// What `git config` is asked for; names are matched in lower case.
pub(super) const WANTED: &str = r"^(remote\.origin\.url|core\.sshcommand|credential\..*|http\..*|url\..*\.insteadof)$";

/// The origin of a clone, as its config describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// The address, with `insteadOf` applied and a relative path made absolute.
    pub url: String,
    /// Where it lies on this host.
    pub local: Option<PathBuf>,
    /// Settings of this clone alone that reaching the origin may need; our mirror has none of its own.
    pub settings: Vec<(String, String)>,
    /// A file whose logins are not among them, since others can write it.
    pub unheeded: Option<PathBuf>,
    /// Whether git has been told which ssh to use.
    pub has_ssh_command: bool,
}

impl Origin {
    /// Reads the answer of `git config --null --show-scope --show-origin --get-regexp WANTED` in the clone whose top folder
    /// is `top`; `None` where it has no origin. Logins are taken from files for which `is_trusted` holds.
    pub fn parse(answer: &[u8], top: &Path, is_trusted: impl Fn(&Path) -> bool) -> Option<Self> {
        let mut url = None;
        let mut settings = Vec::new();
        let mut replacements = Vec::new();
        let mut unheeded = None;
        let mut has_ssh_command = false;
        let mut fields = answer.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
        while let (Some(scope), Some(from), Some(entry)) = (fields.next(), fields.next(), fields.next()) {
            let (key, value) = entry.split_once('\n').unwrap_or((&entry, "true"));
            let lower = key.to_ascii_lowercase();
            if lower == "remote.origin.url" {
                url.get_or_insert_with(|| value.to_owned());
            } else if lower.starts_with("url.") {
                replacements.push((value.to_owned(), key["url.".len()..key.len() - ".insteadof".len()].to_owned()));
            } else if matches!(scope.as_str(), "local" | "worktree") {
                let file = top.join(from.strip_prefix("file:").unwrap_or_default());
                if !is_trusted(&file) {
                    unheeded = Some(file);
                } else if settings.len() < SETTINGS_MAX {
                    has_ssh_command |= lower == "core.sshcommand";
                    settings.push((key.to_owned(), value.to_owned()));
                }
            } else {
                has_ssh_command |= lower == "core.sshcommand";
            }
        }
        let url = replaced(&url?, &replacements);
        let local = local_path(&url).map(|path| top.join(path));
        let url = match &local {
            Some(path) if !url.starts_with("file://") => path.to_string_lossy().into_owned(),
            _ => url,
        };
        Some(Self { url, local, settings, unheeded, has_ssh_command })
    }

    /// Returns whether both addresses are the same but for a trailing `/` or `.git`.
    pub fn is_same_place(&self, other: &Self) -> bool {
        fn plain(url: &str) -> &str {
            let url = url.trim_end_matches('/');
            url.strip_suffix(".git").unwrap_or(url)
        }
        plain(&self.url) == plain(&other.url)
    }
}

/// Applies the longest `url.NEW.insteadOf = OLD`.
fn replaced(url: &str, replacements: &[(String, String)]) -> String {
    let fitting = replacements.iter().filter(|(old, _)| url.starts_with(old.as_str()));
    match fitting.max_by_key(|(old, _)| old.len()) {
        Some((old, new)) => format!("{new}{}", &url[old.len()..]),
        None => url.to_owned(),
    }
}

/// Returns the path of an address on this host; `host:path` and other schemes are none (git-clone(1), "GIT URLS").
fn local_path(url: &str) -> Option<PathBuf> {
    if let Some(path) = url.strip_prefix("file://") {
        return Some(PathBuf::from(path));
    }
    let colon = url.find(':');
    let slash = url.find('/');
    match (colon, slash) {
        (None, _) => Some(PathBuf::from(url)),
        (Some(colon), Some(slash)) if slash < colon => Some(PathBuf::from(url)),
        (Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(lines: &[(&str, &str, &str)]) -> Option<Origin> {
        let entries: Vec<String> =
            lines.iter().map(|(scope, key, value)| format!("{scope}\0file:{scope}\0{key}\n{value}\0")).collect();
        Origin::parse(entries.concat().as_bytes(), Path::new("/srv/clone"), |file| {
            file == Path::new("/srv/clone/local")
        })
    }

    #[test]
    fn what_runs_programs_is_taken_from_own_files_only() {
        let found = |scope: &str| {
            let found = origin(&[
                (scope, "core.sshcommand", "ssh -i key"),
                (scope, "credential.helper", "!./theirs"),
                (scope, "remote.origin.url", "ssh://host/a.git"),
            ])
            .unwrap();
            assert_eq!(found.url, "ssh://host/a.git");
            (found.settings.len(), found.unheeded, found.has_ssh_command)
        };
        assert_eq!(found("local"), (2, None, true));
        assert_eq!(found("worktree"), (0, Some("/srv/clone/worktree".into()), false), "somebody else's file");
        assert_eq!(found("global"), (0, None, true), "git reads it by itself");
    }

    #[test]
    fn an_address_is_local_as_git_sees_it() {
        let local = |url: &str| origin(&[("local", "remote.origin.url", url)]).and_then(|origin| origin.local);
        assert_eq!(local("/srv/a.git"), Some(PathBuf::from("/srv/a.git")));
        assert_eq!(local("file:///srv/a b.git"), Some(PathBuf::from("/srv/a b.git")));
        assert_eq!(local("../origin"), Some(PathBuf::from("/srv/clone/../origin")));
        assert_eq!(local("./with:colon"), Some(PathBuf::from("/srv/clone/./with:colon")));
        assert_eq!(local("host:a.git"), None);
        assert_eq!(local("git@host:team/a.git"), None);
        assert_eq!(local("https://host/a.git"), None);
        assert_eq!(local("ssh://host/a.git"), None);
    }

    #[test]
    fn the_longest_replacement_counts_and_logins_of_the_clone_are_kept() {
        let found = origin(&[
            ("global", "url./srv/.insteadof", "https://host/"),
            ("global", "url./srv/team/.insteadof", "https://host/team/"),
            ("global", "credential.helper", "store"),
            ("local", "core.sshcommand", "ssh -i key"),
            ("local", "remote.origin.url", "https://host/team/a.git"),
        ])
        .unwrap();
        assert_eq!(found.url, "/srv/team/a.git");
        assert_eq!(found.settings, [("core.sshcommand".to_owned(), "ssh -i key".to_owned())]);
        assert!(found.has_ssh_command);
    }

    #[test]
    fn no_origin_is_none() {
        assert_eq!(origin(&[("global", "credential.helper", "store")]), None);
        assert_eq!(Origin::parse(b"", Path::new("/"), |_| true), None);
    }
}
