//! The batch job that a run lives in.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::JobStarted;
use crate::{NodeId, Timestamp};

/// The batch job that a run lives in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// The batch system's id.
    pub id: String,
    /// The hosts of the plan's nodes.
    pub hosts: BTreeMap<NodeId, String>,
    /// When the run is to wind down, where the job's time limit is known.
    pub winds_down_at: Option<Timestamp>,
    /// Whether somebody had the nodes already: nobody starts this job again.
    pub by_hand: bool,
    /// Trials settled since the job was started: a job that settles none is not repeated.
    pub settled: u32,
}

impl Job {
    /// The job that was started.
    pub(crate) fn new(started: &JobStarted) -> Self {
        Self {
            id: started.job.clone(),
            hosts: started.hosts.clone(),
            winds_down_at: started.ends_at.map(|at| at.plus_seconds(-started.stop_before)),
            by_hand: started.by_hand,
            settled: 0,
        }
    }

    /// Seconds that are left before the run winds down, where the time limit is known; never less than 0.
    pub fn seconds_left(&self, now: Timestamp) -> Option<f64> {
        self.winds_down_at.map(|at| at.seconds_since(now).max(0.0))
    }
}
