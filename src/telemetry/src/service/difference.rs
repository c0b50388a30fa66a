//! What happened between two readings.

use super::Reading;

/// What a service counted between two readings; `None` where it does not count, or was started anew in between.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Difference {
    /// Requests that ended and were not under way at the first reading.
    pub requests: Option<u64>,
    /// Output tokens that were generated. Not known either where something was under way at the first reading.
    pub generated_tokens: Option<u64>,
    /// Input tokens that were looked up in the prefix cache, and of these the ones found.
    pub prefix_cache: Option<(u64, u64)>,
    /// Requests that were put aside.
    pub preemptions: Option<u64>,
    /// Seconds that requests waited, and the number of those requests.
    pub queue: Option<(f64, u64)>,
}

/// What a service counted between two readings.
///
/// What was under way at the first reading ends later without having begun in between: so many ends count for nothing. It
/// may be what a former load gave up and the service has not noticed yet.
pub fn difference(before: &Reading, after: &Reading) -> Difference {
    let ended = between(before.finished, after.finished);
    let queries = between(before.prefix_queries, after.prefix_queries);
    let hits = between(before.prefix_hits, after.prefix_hits);
    let seconds = between(before.queue_seconds, after.queue_seconds);
    let waited = between(before.queue_count, after.queue_count);
    Difference {
        requests: ended.map(|ended| count((ended - before.under_way()).max(0.0))),
        generated_tokens: between(before.generation_tokens, after.generation_tokens)
            .filter(|_| before.under_way() == 0.0)
            .map(count),
        prefix_cache: queries
            .zip(hits)
            .map(|(queries, hits)| (count(queries), count(hits))),
        preemptions: between(before.preemptions, after.preemptions).map(count),
        queue: seconds
            .zip(waited)
            .map(|(seconds, waited)| (seconds, count(waited))),
    }
}

/// A counter that has become smaller belongs to another process.
fn between(before: Option<f64>, after: Option<f64>) -> Option<f64> {
    let (before, after) = before.zip(after)?;
    (after >= before).then_some(after - before)
}

fn count(value: f64) -> u64 {
    value.round() as u64
}
