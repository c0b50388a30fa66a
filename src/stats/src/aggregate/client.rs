//! What one client did within its window.

use hpcbench_records::{Record, Status};
use serde::{Deserialize, Serialize};

use crate::Window;
use crate::request::{output_tokens, token_chunks};

/// Tokens are counted in millionths, because a chunk may weigh a part of a token; integers add up without rounding.
const MICROTOKENS: u128 = 1_000_000;

/// What happened within one client's window, from whatever requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientTotals {
    /// The window, on the client's own clock.
    pub window: Window,
    /// Requests that succeeded and ended in the window.
    pub completions: u64,
    /// Output tokens that arrived in the window, in millionths.
    pub microtokens: u64,
    /// Σ over requests of the time in flight (sent to end) within the window, nanoseconds.
    pub in_flight_ns: u64,
    /// Requests sent in the window.
    pub sends: u64,
    /// Σ over these of the time from sent to end, wherever the end lies, nanoseconds.
    pub residence_ns: u64,
    /// Requests sent at any time, warm-up and cool-down included; `None` from clients of earlier versions.
    #[serde(default)]
    pub sent_in_all: Option<u64>,
    /// Most output tokens that the service can have generated for these requests: what it says of those that succeeded, and what
    /// the others asked for at most. `None` if one of them set no limit, and from clients of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_at_most: Option<u64>,
}

impl ClientTotals {
    pub(super) const fn new(window: Window) -> Self {
        Self {
            window,
            completions: 0,
            microtokens: 0,
            in_flight_ns: 0,
            sends: 0,
            residence_ns: 0,
            sent_in_all: Some(0),
            tokens_at_most: Some(0),
        }
    }

    pub(super) fn add(&mut self, record: &Record) {
        let end = record.times.end;
        if record.status == Status::Ok && end.is_some_and(|end| self.window.contains(end)) {
            self.completions += 1;
        }
        self.microtokens += microtokens_within(record, self.window);
        let Some(sent) = record.times.sent else { return };
        self.sent_in_all = self.sent_in_all.map(|sent| sent + 1);
        self.tokens_at_most = sum(self.tokens_at_most, tokens_at_most(record));
        // A request without an end was in flight when everything stopped.
        let end = end.unwrap_or(self.window.t2).max(sent);
        self.in_flight_ns += self.window.overlap(sent, end);
        if self.window.contains(sent) {
            self.sends += 1;
            self.residence_ns += u64::try_from(end - sent).unwrap_or(0);
        }
    }

    /// Adds what another part of the same client saw.
    pub(super) fn merge(&mut self, other: &Self) {
        self.window = self.window.union(other.window);
        self.completions += other.completions;
        self.microtokens += other.microtokens;
        self.in_flight_ns += other.in_flight_ns;
        self.sends += other.sends;
        self.residence_ns += other.residence_ns;
        self.sent_in_all = sum(self.sent_in_all, other.sent_in_all);
        self.tokens_at_most = sum(self.tokens_at_most, other.tokens_at_most);
    }

    /// Output tokens that arrived in the window.
    pub fn tokens(&self) -> f64 {
        self.microtokens as f64 / MICROTOKENS as f64
    }
}

/// What is not known of one is not known of both.
fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.zip(b).map(|(a, b)| a + b)
}

/// Most output tokens that the service can have generated for a request, be they seen or not.
fn tokens_at_most(record: &Record) -> Option<u64> {
    let said = record.tokens.output_usage.filter(|_| record.status == Status::Ok);
    said.or(record.tokens.output_planned).map(u64::from)
}

/// The tokens of a request that arrived in the window: a chunk weighs N / the request's token chunks, and a response
/// that is no stream arrives at its end.
fn microtokens_within(record: &Record, window: Window) -> u64 {
    let Some(tokens) = output_tokens(record).map(u128::from) else {
        return 0;
    };
    if !record.stream {
        let arrived = record.times.end.is_some_and(|end| window.contains(end));
        return if arrived { (tokens * MICROTOKENS) as u64 } else { 0 };
    }
    let chunks = token_chunks(record).map_or(0, u128::from);
    if chunks == 0 {
        return 0;
    }
    let events = record.events.t.iter().zip(&record.events.kind);
    let within = events
        .filter(|(t, kind)| kind.carries_tokens() && window.contains(**t))
        .count() as u128;
    ((tokens * MICROTOKENS * within + chunks / 2) / chunks) as u64
}
