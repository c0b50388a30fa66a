//! How the service was used, by its own account.

use serde::{Deserialize, Serialize};

use crate::ServiceReport;
use crate::aggregate::share;

/// How the service was used, by its own account. Of several instances: what they hold and count together, and the fullest
/// cache. `None` where it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceSummary {
    /// Requests that it worked on, on average over looks in the window.
    pub running_mean: Option<f64>,
    /// Requests that waited to be worked on, on average over looks in the window.
    pub waiting_mean: Option<f64>,
    /// Largest share of its KV cache in use that a look in the window found, from 0 to 1.
    pub kv_cache_max: Option<f64>,
    /// Share of the input tokens looked up in its prefix cache that were there, over the whole load.
    pub prefix_hit_ratio: Option<f64>,
    /// Requests that it put aside for others and began anew, over the whole load.
    pub preemptions: Option<u64>,
    /// Time that a request waited to be worked on, on average over the whole load, seconds.
    pub queue_seconds_mean: Option<f64>,
}

impl ServiceSummary {
    /// The summary of a report; `None` if that says nothing of this.
    pub(super) fn of(report: &ServiceReport) -> Option<Self> {
        let activity = report.activity;
        let queue = activity.queue.filter(|queue| queue.requests > 0);
        let summary = Self {
            running_mean: activity.running_mean,
            waiting_mean: activity.waiting_mean,
            kv_cache_max: activity.kv_cache_max,
            prefix_hit_ratio: report
                .prefix_cache
                .and_then(|cache| share(cache.found, cache.looked_up)),
            preemptions: activity.preemptions,
            queue_seconds_mean: queue.map(|queue| queue.seconds / queue.requests as f64),
        };
        (summary != Self::default()).then_some(summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PrefixCache, QueueTime, ServiceActivity};

    #[test]
    fn ratios_and_means_are_those_of_what_was_counted() {
        let report = ServiceReport {
            prefix_cache: Some(PrefixCache {
                looked_up: 400,
                found: 100,
            }),
            activity: ServiceActivity {
                running_mean: Some(3.5),
                preemptions: Some(0),
                queue: Some(QueueTime {
                    seconds: 2.0,
                    requests: 8,
                }),
                ..ServiceActivity::default()
            },
            ..ServiceReport::default()
        };
        let expected = ServiceSummary {
            running_mean: Some(3.5),
            prefix_hit_ratio: Some(0.25),
            preemptions: Some(0),
            queue_seconds_mean: Some(0.25),
            ..ServiceSummary::default()
        };
        assert_eq!(ServiceSummary::of(&report), Some(expected));
    }

    #[test]
    fn a_service_that_says_nothing_has_no_summary() {
        let silent = ServiceReport {
            requests: Some(7),
            ..ServiceReport::default()
        };
        assert_eq!(ServiceSummary::of(&silent), None);
        let idle = ServiceSummary::of(&ServiceReport::of_no_instance()).unwrap();
        assert_eq!((idle.prefix_hit_ratio, idle.queue_seconds_mean), (None, None));
    }
}
