//! One look at a service's metrics.

use super::names::{Dialect, Merge, Quantity};
use crate::prometheus::Series;

/// What a service said at one moment; `None` where it does not say. Counters count since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// Requests that it works on.
    pub running: Option<f64>,
    /// Requests that wait to be worked on.
    pub waiting: Option<f64>,
    /// Share of the KV cache in use, from 0 to 1; of the fullest engine.
    pub kv_cache_use: Option<f64>,
    /// Input tokens that were looked up in the prefix cache.
    pub prefix_queries: Option<f64>,
    /// Of these, tokens that were found.
    pub prefix_hits: Option<f64>,
    /// Requests that were put aside.
    pub preemptions: Option<f64>,
    /// Requests that ended, for whatever reason.
    pub finished: Option<f64>,
    /// Time that requests have waited, seconds.
    pub queue_seconds: Option<f64>,
    /// Requests that have waited.
    pub queue_count: Option<f64>,
    /// Input tokens.
    pub prompt_tokens: Option<f64>,
    /// Output tokens.
    pub generation_tokens: Option<f64>,
}

/// Takes what is known from a service's metrics.
pub fn read(dialect: Dialect, all: &[Series<'_>]) -> Reading {
    let mut reading = Reading::default();
    for series in all {
        if let Some(quantity) = dialect.quantity(series.name)
            && series.value.is_finite()
        {
            let known = reading.of(quantity);
            *known = Some(match (*known, quantity.merge()) {
                (None, _) => series.value,
                (Some(so_far), Merge::Sum) => so_far + series.value,
                (Some(so_far), Merge::Max) => so_far.max(series.value),
            });
        }
    }
    reading
}

impl Reading {
    /// Requests that have begun and not ended.
    pub fn under_way(&self) -> f64 {
        self.running.unwrap_or(0.0) + self.waiting.unwrap_or(0.0)
    }

    fn of(&mut self, quantity: Quantity) -> &mut Option<f64> {
        match quantity {
            Quantity::Running => &mut self.running,
            Quantity::Waiting => &mut self.waiting,
            Quantity::KvCacheUse => &mut self.kv_cache_use,
            Quantity::PrefixQueries => &mut self.prefix_queries,
            Quantity::PrefixHits => &mut self.prefix_hits,
            Quantity::Preemptions => &mut self.preemptions,
            Quantity::Finished => &mut self.finished,
            Quantity::QueueSeconds => &mut self.queue_seconds,
            Quantity::QueueCount => &mut self.queue_count,
            Quantity::PromptTokens => &mut self.prompt_tokens,
            Quantity::GenerationTokens => &mut self.generation_tokens,
        }
    }

    /// The names used in tables, with the values.
    pub(super) const fn named(&self) -> [(&'static str, Option<f64>); 11] {
        [
            ("running", self.running),
            ("waiting", self.waiting),
            ("kv_cache_use", self.kv_cache_use),
            ("prefix_queries", self.prefix_queries),
            ("prefix_hits", self.prefix_hits),
            ("preemptions", self.preemptions),
            ("finished", self.finished),
            ("queue_seconds", self.queue_seconds),
            ("queue_count", self.queue_count),
            ("prompt_tokens", self.prompt_tokens),
            ("generation_tokens", self.generation_tokens),
        ]
    }
}
