//! The directories that models are fetched into.

use std::fs;
use std::path::Path;

use anyhow::Context;
use hpcbench_apptainer::{Lock, LockTimes, has_room};

use crate::terminal;

/// The lock of a directory with models: its name without `.lock`.
const LOCK: &str = "hpcbench-models";

/// Fetches into a directory while nobody else does; it is created if it is missing.
pub(super) fn alone_in(directory: &Path, fetch: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("failed to create the directory {}", directory.display()))?;
    let mut is_waiting = false;
    let _lock = Lock::take(&directory.join(LOCK), LockTimes::default(), |host, pid| {
        if !is_waiting {
            is_waiting = true;
            let directory = directory.display();
            terminal::say(&format!(
                "process {pid} on {host} fetches into {directory}: waiting"
            ));
        }
    })?;
    if let Err(error) = has_room(directory) {
        // It may be there already.
        terminal::say(&format!(
            "this may fail: {}",
            crate::exit::in_words(&error.into())
        ));
    }
    fetch()
}
