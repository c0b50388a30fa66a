//! From what a probe found to what a person should know.

use hpcbench_core::event::FileSystemProbed;

use super::kind::Sort;
use crate::LOOKUP_CACHE_WAIT;

/// A file system whose syncs take longer than this, at the 99th percentile, delays what a run does, in seconds.
const SLOW_SYNC_SECONDS: f64 = 0.050;

/// What is slow or unsafe, the gravest first.
pub(super) fn of(probed: &FileSystemProbed, sort: Sort) -> Vec<String> {
    let kind = &probed.kind;
    let mut warnings = Vec::new();
    if !probed.exclusive_create {
        warnings.push(format!(
            "unsafe: {kind} let the same file be created twice, so two orchestrators could write one log; use another file system"
        ));
    }
    if !probed.rename {
        warnings.push(format!(
            "unsafe: {kind} does not replace a file by a rename, so reports may be missing or old; use another file system"
        ));
    }
    match sort {
        Sort::Memory => warnings.push(format!(
            "unsafe: {kind} is in memory, so the run's files do not survive a reboot"
        )),
        Sort::Unknown => warnings.push(format!(
            "unknown: nothing is known about file systems of type {kind}, such as whether a sync is durable and when other nodes see a new file"
        )),
        Sort::Local | Sort::Coherent | Sort::Cached => {}
    }
    if probed.sync_p99_seconds > SLOW_SYNC_SECONDS {
        warnings.push(format!(
            "slow: a sync takes {:.0} ms (p99 of {}), and everything that a run does waits for one; more than {:.0} ms is slow",
            probed.sync_p99_seconds * 1e3,
            probed.samples,
            SLOW_SYNC_SECONDS * 1e3
        ));
    }
    if probed.lookups_cached {
        warnings.push(format!(
            "other nodes may see a new file late on {kind}: a resume waits {} s unless the former orchestrator is known to be dead",
            LOOKUP_CACHE_WAIT.as_secs()
        ));
    }
    warnings
}
