//! Real Ray, for the program under test to start.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::harness::set_up;
use crate::paths::target;

/// Finds or sets up `ray` in a Python environment of its own. None, and a note that the test was skipped, where it cannot be had.
///
/// # Errors
///
/// Setting it up failed.
pub fn ray(test: &str) -> Result<Option<PathBuf>> {
    let Some(lines) = set_up(test, "ray.sh", &[target().join("testbed/ray")])? else {
        return Ok(None);
    };
    let program = lines.into_iter().next().context("ray.sh printed no path")?;
    Ok(Some(program.into()))
}
