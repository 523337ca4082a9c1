//! Links the program at a fixed address.

fn main() {
    // The tables of time zones are a megabyte of pointers: every process of ours, each session's log writer among them,
    // would relocate and keep a copy of its own, which takes longer than all else at its start.
    println!("cargo::rustc-link-arg-bins=-no-pie");
    println!("cargo::rerun-if-changed=src/build.rs");
}
