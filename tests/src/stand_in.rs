//! Programs that cannot be had here: scripts in their place.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::Workdir;

/// Writes an executable script for `/bin/sh` into `bin` of this world and returns its path.
///
/// # Errors
///
/// It cannot be written.
pub fn stand_in(workdir: &Workdir, name: &str, script: &str) -> Result<PathBuf> {
    fs::create_dir_all(workdir.path().join("bin"))?;
    let program = workdir.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}"))?;
    fs::set_permissions(&program, Permissions::from_mode(0o755)).context("cannot make it executable")?;
    Ok(program)
}

/// A `PATH` whose first folder is that of [`stand_in`].
pub fn path_with(workdir: &Workdir) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", workdir.path().join("bin").display())
}
