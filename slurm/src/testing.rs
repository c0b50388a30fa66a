//! Stand-ins for programs that fail in ways which a real cluster cannot be made to.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::Slurm;

/// A directory with a program of this name that runs these lines of shell.
pub(crate) fn stand_in(name: &str, lines: &str) -> (TempDir, Slurm) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    let text = directory.path().join(format!("{name}.text"));
    fs::write(&text, format!("#!/bin/sh\n{lines}\n")).unwrap();
    // Another test's child may have inherited a file that is open for writing here, and such a file cannot be executed: it is
    // made by a process of its own.
    let install = Command::new("install")
        .args(["-m", "700"])
        .args([&text, &path])
        .status();
    assert!(install.unwrap().success());
    let slurm = Slurm::in_directory(directory.path());
    (directory, slurm)
}
