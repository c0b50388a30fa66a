//! The logs of every released version, and what they have to mean for ever. `tests/golden/README.md` tells how they came about.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod coverage;
mod fold;
mod future;

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of all golden logs.
fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// The folders in a folder, by name.
fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).unwrap_or_else(|error| panic!("{}: {error}", of.display()));
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// Every golden run of every version.
fn runs() -> Vec<PathBuf> {
    let runs: Vec<PathBuf> = folders(&golden())
        .iter()
        .flat_map(|version| folders(version))
        .collect();
    assert!(runs.len() >= 7, "where are the golden runs? {runs:?}");
    runs
}

/// A golden run of that name.
fn run(name: &str) -> PathBuf {
    let found = runs().into_iter().find(|run| run.ends_with(name));
    found.unwrap_or_else(|| panic!("there is no golden run {name}"))
}
