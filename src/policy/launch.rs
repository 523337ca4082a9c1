//! The command line that starts an agent.
