//! What a service's own counters say about a trial.

use serde::{Deserialize, Serialize};

/// What is known about a trial from the service's side, and not from its clients. Whoever reads the service's counters
/// adds this to the trial's aggregate; what is not known stays out of the verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// Requests that the service counted between two readings, one before the load began and one after its last request
    /// had ended, apart from what readiness probes sent; `None` where it does not count.
    pub requests: Option<u64>,
    /// Its prefix cache between the same readings; `None` where it does not count.
    pub prefix_cache: Option<PrefixCache>,
    /// GPUs that ran slower than they could, in the window.
    pub throttled: Vec<ThrottledGpu>,
}

/// A prefix cache's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixCache {
    /// Input tokens that were looked up.
    pub looked_up: u64,
    /// Of these, tokens that were found.
    pub found: u64,
}

/// A GPU whose clock was held down by heat or by its power supply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThrottledGpu {
    /// Token of its node.
    pub node: String,
    /// Its index on the node.
    pub gpu: u32,
    /// For how long within the window, nanoseconds.
    pub throttled_ns: u64,
}

impl ServiceReport {
    /// Adds what another instance of the service, or another node, reports. What one of them does not count is not known
    /// of all.
    pub fn merge(&mut self, other: &Self) {
        self.requests = self.requests.zip(other.requests).map(|(a, b)| a + b);
        self.prefix_cache = self
            .prefix_cache
            .zip(other.prefix_cache)
            .map(|(a, b)| PrefixCache {
                looked_up: a.looked_up + b.looked_up,
                found: a.found + b.found,
            });
        self.throttled.extend_from_slice(&other.throttled);
    }
}
