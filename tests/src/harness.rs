//! The scripts of `tests/harness`, which set real programs up.

use std::ffi::OsStr;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use crate::paths::workspace;
use crate::skip;

/// The exit code by which a script says that something cannot be had on this machine.
const SKIP: i32 = 77;

/// A script of the harness, to be started.
pub(crate) fn script(name: &str) -> Command {
    Command::new(workspace().join("tests/harness").join(name))
}

/// Runs a script and returns the lines that it printed. None, and a note that the test was skipped, where what it sets up
/// cannot be had.
///
/// # Errors
///
/// It cannot be started, or fails.
pub(crate) fn set_up<S: AsRef<OsStr>>(
    test: &str,
    name: &str,
    arguments: &[S],
) -> Result<Option<Vec<String>>> {
    let output = script(name)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot start {name}"))?;
    outcome(test, name, &output)
}

/// What the end of a script means; as [`set_up`] has it.
pub(crate) fn outcome(test: &str, name: &str, output: &Output) -> Result<Option<Vec<String>>> {
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(SKIP) {
        skip(test, errors.trim());
        return Ok(None);
    }
    ensure!(output.status.success(), "{name} failed: {errors}");
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(Some(printed.lines().map(str::to_owned).collect()))
}
