//! Stand-ins for programs that fail in ways which a real cluster cannot be made to.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::Slurm;

/// A directory with a program of this name that runs these lines of shell.
pub(crate) fn stand_in(name: &str, lines: &str) -> (TempDir, Slurm) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let slurm = Slurm::in_directory(directory.path());
    (directory, slurm)
}
