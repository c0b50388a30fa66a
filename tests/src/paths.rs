//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The folder that holds the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// Where cargo and the harness put what they make.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// The program under test: `HPCBENCH_BIN`, else the optimised build.
///
/// # Errors
///
/// It is not there.
pub fn binary() -> Result<PathBuf> {
    let path = env::var_os("HPCBENCH_BIN").map_or_else(|| target().join("release/hpcbench"), PathBuf::from);
    ensure!(
        path.is_file(),
        "there is no {}: run `make build`, or set HPCBENCH_BIN",
        path.display()
    );
    Ok(path)
}

/// An optimised example of the load engine.
///
/// # Errors
///
/// It has not been built.
pub fn example(name: &str) -> Result<PathBuf> {
    let path = target().join("release/examples").join(name);
    ensure!(path.is_file(), "there is no {}: run `make bench`", path.display());
    Ok(path)
}

/// The nats-server that runs of the tests use: the first on `PATH` or the one that the project keeps.
///
/// # Errors
///
/// There is none.
pub(crate) fn nats_server() -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = [workspace().join(".tools/bin")]
        .into_iter()
        .chain(env::split_paths(&path));
    let found = places
        .map(|place| place.join("nats-server"))
        .find(|program| program.is_file());
    found.context("there is no nats-server: run `make tools`")
}
