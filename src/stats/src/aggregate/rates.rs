//! What happened per second of the window. Every client has a window of its own, so rates are added, not counts.

use super::TrialAggregate;
use super::client::ClientTotals;
use super::counts::share;
use crate::distribution::compare_with_tail;

/// Little's law on our own books: requests in flight, against the rate of sends times the mean time in flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Little {
    /// L, the mean number of requests in flight.
    pub in_flight: f64,
    /// λW, sends per second times the mean time from sent to end.
    pub rate_times_residence: f64,
    /// W / T: a window cuts requests at both ends, which moves λW by up to this share.
    pub edge: f64,
}

/// The mean number of requests in flight, which two counts must agree on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct InFlightTwice {
    /// By the records.
    pub(crate) recorded: f64,
    /// By what the engine threads counted while they sent and received.
    pub(crate) counted: f64,
}

impl TrialAggregate {
    /// Length of the longest window in seconds; `None` if there is none.
    pub fn window_seconds(&self) -> Option<f64> {
        let lengths = self.clients.values().map(|client| client.window.nanoseconds());
        lengths
            .max()
            .filter(|&length| length > 0)
            .map(|length| length as f64 / 1e9)
    }

    /// Length of the shortest window in nanoseconds; `None` if there is none.
    pub(crate) fn shortest_window_ns(&self) -> Option<u64> {
        let lengths = self.clients.values().map(|client| client.window.nanoseconds());
        lengths.filter(|&length| length > 0).min()
    }

    /// Successful completions per second.
    pub fn request_throughput(&self) -> Option<f64> {
        self.per_window(|client| client.completions as f64 / client.window.seconds())
    }

    /// Output tokens per second.
    pub fn token_throughput(&self) -> Option<f64> {
        self.per_window(|client| client.tokens() / client.window.seconds())
    }

    /// Mean number of requests in flight.
    pub fn delivered_mean(&self) -> Option<f64> {
        self.per_window(|client| client.in_flight_ns as f64 / client.window.nanoseconds() as f64)
    }

    /// The same, once by the records and once by the engines' own count; `None` unless there are both.
    pub(crate) fn in_flight_twice(&self) -> Option<InFlightTwice> {
        Some(InFlightTwice {
            recorded: self.delivered_mean()?,
            counted: self.engine.as_ref()?.mean_in_flight()?,
        })
    }

    /// Requests that the clients sent at any time; `None` if one of them does not say.
    pub(crate) fn sent_in_all(&self) -> Option<u64> {
        self.clients.values().map(|client| client.sent_in_all).sum()
    }

    /// Most output tokens that the service can have generated for these; `None` if that is not known of all clients.
    pub(crate) fn tokens_at_most(&self) -> Option<u64> {
        self.clients.values().map(|client| client.tokens_at_most).sum()
    }

    /// Mean time from sent to end of the requests sent in the window, nanoseconds.
    pub fn mean_residence_ns(&self) -> Option<f64> {
        let sends = self.clients.values().map(|client| client.sends).sum();
        share(
            self.clients.values().map(|client| client.residence_ns).sum(),
            sends,
        )
    }

    /// Little's law on our own books; `None` if nothing was in flight.
    pub fn little(&self) -> Option<Little> {
        let in_flight = self.delivered_mean().filter(|&mean| mean > 0.0)?;
        let rate_times_residence =
            self.per_window(|client| client.residence_ns as f64 / client.window.nanoseconds() as f64)?;
        let edge = self.mean_residence_ns()? / 1e9 / self.window_seconds()?;
        Some(Little {
            in_flight,
            rate_times_residence,
            edge,
        })
    }

    /// Share of the gaps of which an end is not known to a millisecond.
    pub fn unresolved_share(&self) -> Option<f64> {
        share(self.unresolved_gaps, self.metrics.itl.count())
    }

    /// Whether a quantile of ITL means something although some gaps are not known to a millisecond.
    pub fn gap_quantile_is_resolved(&self, q: f64) -> bool {
        let unresolved = self.unresolved_gaps;
        unresolved == 0 || compare_with_tail(2 * unresolved, self.metrics.itl.count(), q).is_lt()
    }

    /// Σ over the clients that have a window.
    fn per_window(&self, what: impl Fn(&ClientTotals) -> f64) -> Option<f64> {
        let clients = self
            .clients
            .values()
            .filter(|client| client.window.nanoseconds() > 0);
        clients.map(what).reduce(|a, b| a + b)
    }
}
