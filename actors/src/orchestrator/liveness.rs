//! Which nodes have given a sign of life, and when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hpcbench_core::{NodeId, State, limits};

/// When each node was last heard of. Not part of the run's state: only silence becomes an event.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    last: BTreeMap<NodeId, Instant>,
}

impl Liveness {
    /// A sign of life.
    pub(super) fn heard(&mut self, node: NodeId, now: Instant) {
        self.last.insert(node, now);
    }

    /// The nodes that have joined and have been silent for too long, with the seconds.
    ///
    /// While the bus is down nobody can be heard: the silence begins anew when it is up.
    pub(super) fn silent(&mut self, state: &State, now: Instant, bus_up: bool) -> Vec<(NodeId, f64)> {
        let limit = Duration::from_secs_f64(limits::SILENCE_SECONDS);
        let joined = state
            .nodes
            .iter()
            .filter(|(_, node)| node.is_joined())
            .map(|(id, _)| id);
        let mut silent = Vec::new();
        for node in joined {
            let last = self.last.entry(node.clone()).or_insert(now);
            if !bus_up {
                *last = now;
            }
            let quiet = now.saturating_duration_since(*last);
            if quiet > limit {
                silent.push((node.clone(), quiet.as_secs_f64()));
            }
        }
        silent
    }
}
