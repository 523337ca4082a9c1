//! Arguments to verb to exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_orchestrator::cli::main()
}
