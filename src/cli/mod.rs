//! The verbs, one file each.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "verbs read files and print"
)]
