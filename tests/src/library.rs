//! Shared libraries that stand in for parts of the system.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::Workdir;
use crate::paths::workspace;

/// Compiles `tests/harness/SOURCE` to a library of this name in this world, and returns its path.
///
/// # Errors
///
/// There is no C compiler, or it refuses.
pub fn library(workdir: &Workdir, source: &str, name: impl AsRef<Path>) -> Result<PathBuf> {
    let library = workdir.path().join(name);
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(workspace().join("tests/harness").join(source))
        .output()
        .context("cannot run cc")?;
    ensure!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    Ok(library)
}
