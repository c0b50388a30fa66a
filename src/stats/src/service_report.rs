//! What a service's own counters say about a trial.

use serde::{Deserialize, Serialize};

/// What is known about a trial from the service's side, and not from its clients. Whoever reads the service's counters
/// adds this to the trial's aggregate; what is not known stays out of the verdict.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// Requests that the service counted between two readings, one before the load began and one after its last request
    /// had ended, apart from what readiness probes sent; `None` where it does not count.
    pub requests: Option<u64>,
    /// Output tokens that it generated between the same readings; `None` where it does not count, or was still at former
    /// requests at the first reading. Reports of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_tokens: Option<u64>,
    /// Its prefix cache between the same readings; `None` where it does not count.
    pub prefix_cache: Option<PrefixCache>,
    /// GPUs that ran slower than they could, in the window.
    pub throttled: Vec<ThrottledGpu>,
    /// Where somebody else listened, before the load or after it, in words: what answered there may not have been the service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strangers: Vec<String>,
    /// How it was used.
    #[serde(default)]
    pub activity: ServiceActivity,
}

/// How a service was used, by its own account. The means and the maximum are those of its gauges, read at intervals in the
/// window; the counts are differences between the two readings of [`ServiceReport::requests`]. `None` where it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceActivity {
    /// Requests that it worked on, on average.
    pub running_mean: Option<f64>,
    /// Requests that waited to be worked on, on average.
    pub waiting_mean: Option<f64>,
    /// Largest share of its KV cache in use, from 0 to 1.
    pub kv_cache_max: Option<f64>,
    /// Requests that it put aside for others and began anew.
    pub preemptions: Option<u64>,
    /// How long requests waited.
    pub queue: Option<QueueTime>,
}

/// The waiting times of some requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct QueueTime {
    /// All waiting times together, seconds.
    pub seconds: f64,
    /// Number of requests that waited, if only for a moment.
    pub requests: u64,
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
    /// The report of a node without an instance that could be asked: merged with others, it changes nothing.
    pub const fn of_no_instance() -> Self {
        Self {
            requests: Some(0),
            generated_tokens: Some(0),
            prefix_cache: Some(PrefixCache {
                looked_up: 0,
                found: 0,
            }),
            throttled: Vec::new(),
            strangers: Vec::new(),
            activity: ServiceActivity {
                running_mean: Some(0.0),
                waiting_mean: Some(0.0),
                kv_cache_max: Some(0.0),
                preemptions: Some(0),
                queue: Some(QueueTime {
                    seconds: 0.0,
                    requests: 0,
                }),
            },
        }
    }

    /// Adds what another instance of the service, or another node, reports. What one of them does not count is not known
    /// of all.
    pub fn merge(&mut self, other: &Self) {
        self.requests = self.requests.zip(other.requests).map(|(a, b)| a + b);
        self.generated_tokens = self
            .generated_tokens
            .zip(other.generated_tokens)
            .map(|(a, b)| a + b);
        self.prefix_cache = self
            .prefix_cache
            .zip(other.prefix_cache)
            .map(|(a, b)| PrefixCache {
                looked_up: a.looked_up + b.looked_up,
                found: a.found + b.found,
            });
        self.throttled.extend_from_slice(&other.throttled);
        self.strangers.extend_from_slice(&other.strangers);
        self.activity = self.activity.merged(other.activity);
    }
}

impl ServiceActivity {
    /// Two instances together: what they hold adds up, the fullest cache counts.
    fn merged(self, other: Self) -> Self {
        let sum = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        Self {
            running_mean: sum(self.running_mean, other.running_mean),
            waiting_mean: sum(self.waiting_mean, other.waiting_mean),
            kv_cache_max: self.kv_cache_max.zip(other.kv_cache_max).map(|(a, b)| a.max(b)),
            preemptions: self.preemptions.zip(other.preemptions).map(|(a, b)| a + b),
            queue: self.queue.zip(other.queue).map(|(a, b)| QueueTime {
                seconds: a.seconds + b.seconds,
                requests: a.requests + b.requests,
            }),
        }
    }
}
