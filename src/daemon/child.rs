//! Starts every child process, with a deadline where it is not a long-lived one.
