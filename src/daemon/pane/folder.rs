//! The folder that an agent works in: under systemd entered part by part, and through no link of somebody else's.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail};
use nix::unistd::{Uid, User};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

use crate::daemon::paths::is_of_the_host;

/// How many links are followed on the way, as by the kernel (`path_resolution`(7)).
const LINKS_MAX: usize = 40;

/// The working folder of an agent, and whose links lead there.
#[derive(Debug)]
pub struct Folder<'a> {
    path: &'a Path,
    /// Users; `None` where every agent has the same one.
    trusted: Option<Vec<u32>>,
}

impl<'a> Folder<'a> {
    /// Names the folder of the agent that `launch_file` starts. In a unit, whoever can write above the folder of an agent with
    /// another user could lead that one, and what its unit may write, anywhere: links count that are root's, the agent's own
    /// user's, or the supervisor's, whose the launch file's folder is.
    ///
    /// # Errors
    /// When the launch file's folder cannot be read.
    pub fn new(path: &'a Path, launch_file: &Path) -> anyhow::Result<Self> {
        if !is_of_the_host(launch_file) {
            return Ok(Self { path, trusted: None });
        }
        let folder = launch_file.parent().unwrap_or(Path::new("/"));
        let supervisor = folder.metadata().with_context(|| format!("cannot read `{}`", folder.display()))?.uid();
        Ok(Self { path, trusted: Some(vec![0, nix::unistd::geteuid().as_raw(), supervisor]) })
    }

    /// Makes the folder if it is missing.
    ///
    /// # Errors
    /// When it cannot be made, or lies behind a link that does not count.
    pub fn make(&self) -> anyhow::Result<()> {
        match self.open() {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            Err(error) if error.downcast_ref() == Some(&Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
        std::fs::create_dir_all(self.path).with_context(|| format!("cannot make folder `{}`", self.path.display()))
    }

    /// Makes it the working folder of this process.
    ///
    /// # Errors
    /// When it cannot be entered, or lies behind a link that does not count.
    pub fn enter(&self) -> anyhow::Result<()> {
        let cannot = || format!("cannot enter `{}`", self.path.display());
        match self.open().with_context(cannot)? {
            Some(folder) => rustix::process::fchdir(folder).with_context(cannot),
            None => std::env::set_current_dir(self.path).with_context(cannot),
        }
    }

    /// Opens it as a place, part by part, so that nobody puts a link in between; nothing where no link matters.
    fn open(&self) -> anyhow::Result<Option<OwnedFd>> {
        let Some(trusted) = &self.trusted else { return Ok(None) };
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |at: &OwnedFd, part: &OsStr| openat(at, part, flags, Mode::empty());
        let top = || openat(CWD, "/", flags | OFlags::DIRECTORY, Mode::empty());
        let (mut at, mut way) = (top()?, PathBuf::from("/"));
        let mut left: Vec<OsString> = parts(self.path);
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == "/" {
                (at, way) = (top()?, PathBuf::from("/"));
                continue;
            }
            way.push(&part);
            let next = open(&at, &part)?;
            let found = fstat(&next)?;
            if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
                at = next;
                continue;
            }
            if !trusted.contains(&found.st_uid) {
                bail!("{}", refusal(&way, found.st_uid));
            }
            links += 1;
            if links > LINKS_MAX {
                return Err(Errno::LOOP.into());
            }
            way.pop();
            let target = readlinkat(&next, "", Vec::new())?.into_bytes();
            left.extend(parts(Path::new(&OsString::from_vec(target))));
        }
        Ok(Some(at))
    }
}

/// Returns the parts of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let is_part = |part: &Component<'_>| !matches!(part, Component::CurDir);
    path.components().filter(is_part).map(|part| part.as_os_str().to_owned()).rev().collect()
}

/// Says why a link is not followed, and what helps.
fn refusal(link: &Path, owner: u32) -> String {
    let owner = User::from_uid(Uid::from_raw(owner)).ok().flatten().map_or(owner.to_string(), |user| user.name);
    format!(
        "`{}` is a link of `{owner}`, who could lead the agent anywhere: name in `dir` where it leads, or make it root's \
         (`chown -h root`)",
        link.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_entered_through_links_of_whom_is_trusted_and_of_nobody_else() {
        let top = tempfile::tempdir().expect("a temp folder");
        let real = top.path().canonicalize().expect("there").join("real/deep");
        std::fs::create_dir_all(&real).expect("made");
        let (absolute, relative) = (top.path().join("absolute"), top.path().join("real/relative"));
        std::os::unix::fs::symlink(top.path().join("real/relative/../relative"), &absolute).expect("linked");
        std::os::unix::fs::symlink("../real/./deep", &relative).expect("linked");
        let own = nix::unistd::geteuid().as_raw();
        // Links of the host's own on the way to the temp folder are root's.
        let leads = |path: &Path, others: &[u32]| {
            let folder = Folder { path, trusted: Some([&[0], others].concat()) };
            let opened = folder.open()?.expect("a place");
            anyhow::Ok(std::fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&opened)))?)
        };
        assert_eq!(leads(&absolute, &[own]).expect("its own links"), real);
        assert_eq!(leads(&real, &[]).expect("no link"), real);
        let nowhere = top.path().join("nowhere");
        std::os::unix::fs::symlink("nowhere", &nowhere).expect("linked");
        assert!(leads(&nowhere, &[own]).is_err(), "a link to itself");
        let foreign = Folder { path: &absolute, trusted: Some(vec![own + 1]) };
        let refused = foreign.make().expect_err("nobody's whom it trusts").to_string();
        assert!(refused.contains("absolute` is a link of `"), "{refused}");
        assert!(foreign.enter().is_err());
        let new = top.path().join("new/deep");
        Folder { path: &new, trusted: Some(vec![0, own]) }.make().expect("made");
        assert!(new.is_dir());
        let another = top.path().join("another");
        Folder { path: &another, trusted: None }.make().expect("made");
        assert!(another.is_dir(), "also where no link matters");
    }
}
