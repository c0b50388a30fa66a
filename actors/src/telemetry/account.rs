//! What an instance says about an attempt, from readings of its metrics.

use hpcbench_stats::{PrefixCache, QueueTime, ServiceActivity, ServiceReport};
use hpcbench_telemetry::service::{Reading, difference};

/// The part of an attempt in which gauges count, by the node's monotonic clock, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from_ns: i64,
    /// None: to the end of the load.
    pub(super) until_ns: Option<i64>,
}

impl Window {
    pub(super) fn contains(self, at_ns: i64) -> bool {
        at_ns >= self.from_ns && self.until_ns.is_none_or(|until| at_ns < until)
    }
}

/// Readings of one instance in the course of an attempt.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Before the load, and by when it was read, nanoseconds; none if it could not be read.
    pub(super) before: Option<(i64, Reading)>,
    running: Mean,
    waiting: Mean,
    kv_cache_max: Option<f64>,
}

#[derive(Debug, Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

impl Account {
    /// The load begins at this time. A reading that came later is none of the time before it.
    pub(super) fn begin(&mut self, start_ns: i64) {
        if self
            .before
            .take_if(|(read_by_ns, _)| *read_by_ns > start_ns)
            .is_some()
        {
            tracing::warn!(
                "the service was read only when the load was on: what it counts for the load is not known"
            );
        }
    }

    /// Takes the gauges of a reading in the window.
    pub(super) fn add(&mut self, reading: &Reading) {
        self.running.add(reading.running);
        self.waiting.add(reading.waiting);
        self.kv_cache_max = match (self.kv_cache_max, reading.kv_cache_use) {
            (Some(max), Some(now)) => Some(max.max(now)),
            (known, new) => known.or(new),
        };
    }

    /// The account, with the reading after the load.
    pub(super) fn report(&self, after: Option<&Reading>) -> ServiceReport {
        let counted = self.before.as_ref().zip(after);
        let counted = counted.map(|((_, before), after)| difference(before, after));
        let counted = counted.unwrap_or_default();
        ServiceReport {
            requests: counted.requests,
            generated_tokens: counted.generated_tokens,
            prefix_cache: counted
                .prefix_cache
                .map(|(looked_up, found)| PrefixCache { looked_up, found }),
            throttled: Vec::new(),
            strangers: Vec::new(),
            activity: ServiceActivity {
                running_mean: self.running.value(),
                waiting_mean: self.waiting.value(),
                kv_cache_max: self.kv_cache_max,
                preemptions: counted.preemptions,
                queue: counted
                    .queue
                    .map(|(seconds, requests)| QueueTime { seconds, requests }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(finished: f64, running: f64) -> Reading {
        Reading {
            finished: Some(finished),
            running: Some(running),
            waiting: Some(0.0),
            kv_cache_use: Some(running / 10.0),
            queue_seconds: Some(finished / 2.0),
            queue_count: Some(finished),
            ..Reading::default()
        }
    }

    #[test]
    fn gauges_are_averaged_and_counters_subtracted() {
        let mut account = Account {
            before: Some((7, reading(10.0, 0.0))),
            ..Account::default()
        };
        account.add(&reading(20.0, 3.0));
        account.add(&reading(30.0, 5.0));
        let report = account.report(Some(&reading(40.0, 0.0)));
        assert_eq!(report.requests, Some(30));
        assert_eq!(report.prefix_cache, None);
        let expected = ServiceActivity {
            running_mean: Some(4.0),
            waiting_mean: Some(0.0),
            kv_cache_max: Some(0.5),
            preemptions: None,
            queue: Some(QueueTime {
                seconds: 15.0,
                requests: 30,
            }),
        };
        assert_eq!(report.activity, expected);
    }

    #[test]
    fn what_could_not_be_read_is_not_known() {
        let account = Account {
            before: Some((7, reading(10.0, 0.0))),
            ..Account::default()
        };
        assert_eq!(account.report(None), ServiceReport::default());
        assert_eq!(
            Account::default().report(Some(&reading(40.0, 0.0))),
            ServiceReport::default()
        );
    }

    #[test]
    fn a_reading_that_came_too_late_is_none() {
        let counted = |start_ns| {
            let mut account = Account {
                before: Some((7, reading(10.0, 0.0))),
                ..Account::default()
            };
            account.begin(start_ns);
            account.report(Some(&reading(40.0, 0.0))).requests
        };
        assert_eq!((counted(7), counted(6)), (Some(30), None));
    }

    #[test]
    fn a_window_may_be_open() {
        let window = |until_ns| Window { from_ns: 5, until_ns };
        let within = |window: Window| (0..10).filter(|at| window.contains(*at)).count();
        assert_eq!((within(window(Some(8))), within(window(None))), (3, 5));
    }
}
