//! What this program knows of itself, and how it creates files.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::Context;
use hpcbench_core::event::Program;

/// Version and revision, as `--version` prints them.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("HPCBENCH_REVISION"), ")");

/// The program, for audits.
pub(crate) fn program() -> Program {
    Program {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: env!("HPCBENCH_REVISION").to_owned(),
    }
}

/// Our own executable.
///
/// # Errors
/// `/proc` cannot be read.
pub(crate) fn executable() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("failed to find out where this program's file is")
}

/// How files are created: for their owner alone.
pub(crate) fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}
