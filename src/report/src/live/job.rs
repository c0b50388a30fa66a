//! Lines on the batch job that a run lives in.

use std::collections::BTreeSet;

use hpcbench_core::event::{Afterwards, JobStarted};

use crate::words::{count, seconds};

/// Which job, where, and how long it had to wait.
pub(super) fn job_started(started: &JobStarted) -> String {
    let hosts: BTreeSet<&str> = started.hosts.values().map(String::as_str).collect();
    let mut line = format!("job {} on {}", started.job, count(hosts.len() as u64, "host"));
    if started.restarts > 0 {
        line = format!("{line}, start {}", started.restarts.saturating_add(1));
    }
    if let (Some(submitted), Some(begun)) = (started.submitted_at, started.started_at) {
        line = format!(
            "{line}, after {} in the queue",
            seconds(begun.seconds_since(submitted).max(0.0))
        );
    }
    if let Some(end) = started.ends_at {
        line = format!("{line}, until {end}");
    }
    let tools = started.tools.iter();
    let tools = tools.map(|(tool, version)| format!(", {tool} {version}"));
    format!("{line}; {}{}", started.version, tools.collect::<String>())
}

/// What becomes of the run.
pub(super) const fn afterwards(afterwards: Afterwards) -> &'static str {
    match afterwards {
        Afterwards::Wait => "it can be resumed",
        Afterwards::Requeue => "its job goes back into the queue",
        Afterwards::Resubmit => "another job goes on with it",
    }
}
