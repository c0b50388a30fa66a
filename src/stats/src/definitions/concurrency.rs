//! How many requests were in flight, over time.

use crate::Distribution;

use super::totals::Span;

/// Starts and ends of requests: 16 bytes each, the one thing here that grows with their number.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    starts: Vec<i64>,
    ends: Vec<i64>,
}

impl Intervals {
    pub(super) fn push(&mut self, start: i64, end: i64) {
        self.starts.push(start);
        self.ends.push(end.max(start));
    }

    /// The number of requests in flight, each weighted by the nanoseconds that it lasted, over a span that covers all of
    /// them. Empty without requests.
    pub(super) fn weighted_by_time(mut self, span: Span) -> Distribution {
        let mut levels = Distribution::new();
        let Some((mut now, last)) = span.ends().filter(|_| !self.starts.is_empty()) else {
            return levels;
        };
        self.starts.sort_unstable();
        self.ends.sort_unstable();
        let (mut starts, mut ends) = (
            self.starts.into_iter().peekable(),
            self.ends.into_iter().peekable(),
        );
        let mut in_flight = 0_u64;
        while let Some(&end) = ends.peek() {
            // Of a start and an end at one instant the start comes first: nothing may end that has not begun.
            let next = match starts.next_if(|&start| start <= end) {
                Some(start) => (start, in_flight + 1),
                None => (ends.next().unwrap_or(end), in_flight.saturating_sub(1)),
            };
            levels.record_times(in_flight, super::times::between(now, next.0));
            (now, in_flight) = next;
        }
        levels.record_times(in_flight, super::times::between(now, last));
        levels
    }
}
