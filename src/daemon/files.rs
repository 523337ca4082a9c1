//! Watched files on disk: config, status, plan, prompts.
