//! Whether this host's polkit reads the rule that is installed.

use std::path::Path;

use super::systemd;

/// The first version that reads rules below `/usr/local` too; older ones read those of `/usr` and `/etc`.
const READS_LOCAL: u32 = 126;

/// Says what keeps polkit from reading the rule below that prefix, and what helps; nothing where it reads it.
pub fn hint(prefix: &Path) -> Option<String> {
    let Ok(said) = systemd::answer("pkaction", &["--version"]) else {
        return Some(
            "hint: there is no polkit here (`pkaction`); without it the supervisor may start no agent".to_owned(),
        );
    };
    let rule = prefix.join("share/polkit-1/rules.d/50-agent-orchestrator.rules");
    (prefix != Path::new("/usr") && version(&said)? < READS_LOCAL).then(|| {
        let (said, rule) = (said.trim(), rule.display());
        format!(
            "hint: before polkit {READS_LOCAL} (this is {said}) `{rule}` is not read: copy it to /etc/polkit-1/rules.d"
        )
    })
}

/// Reads `pkaction version 126`; those of before 121 begin with a zero.
fn version(said: &str) -> Option<u32> {
    said.split_whitespace().last()?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_polkit_has_ever_written_them() {
        let read = ["pkaction version 126\n", "pkaction version 0.105\n", "pkaction version 124.1", "", "pkaction"]
            .map(version);
        assert_eq!(read, [Some(126), Some(0), Some(124), None, None]);
    }
}
