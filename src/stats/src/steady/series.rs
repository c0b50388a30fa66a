//! What happened batch by batch.

use std::collections::BTreeMap;

use hpcbench_records::{Record, Status};
use serde::{Deserialize, Serialize};

use super::Observed;
use crate::request::{RequestMetrics, output_tokens, token_chunks};
use crate::{Start, Window};

/// Bins of a window. Batches are made of whole bins, so that their number can be chosen when requests' durations are
/// known.
const BINS: usize = 60;
/// Numbers of batches that the bins can be joined to.
const BATCHES: [usize; 5] = [20, 15, 12, 10, 6];
/// With fewer batches than this no test can find anything.
pub(super) const FEWEST_BATCHES: usize = 6;
/// Batches should be as long as this many requests, so that each is nearly independent of the one before.
const REQUESTS_IN_BATCH: f64 = 2.0;
/// Tokens in thousandths: a chunk may weigh a part of one.
const MILLITOKENS: u64 = 1_000;

/// What happened in each bin of the window. Bins count from T1, so that clients merge bin by bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BatchSeries {
    bins: Vec<Bin>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Bin {
    completions: u64,
    millitokens: u64,
    in_flight_ns: u64,
    outstanding_ns: u64,
    /// Times to the first token of the cohort's requests that began in the bin, by coarse value.
    ttft: BTreeMap<u64, u64>,
}

/// How many batches to cut a window into, for requests of this mean duration; `None` if the window is too short.
pub(super) fn batches(window_ns: u64, residence_ns: f64) -> Option<usize> {
    let fitting = |requests: f64| {
        BATCHES
            .into_iter()
            .find(|&batches| window_ns as f64 >= batches as f64 * requests * residence_ns)
    };
    fitting(REQUESTS_IN_BATCH)
        .or_else(|| fitting(1.0).map(|_| FEWEST_BATCHES))
        .filter(|_| window_ns > 0)
}

impl BatchSeries {
    pub(crate) fn new() -> Self {
        Self {
            bins: vec![Bin::default(); BINS],
        }
    }

    /// Adds a request; its time to the first token counts from `start`.
    pub(crate) fn add(&mut self, record: &Record, start: Start, window: Window) {
        let times = &record.times;
        let end = times.end.unwrap_or(window.t2);
        if record.status == Status::Ok
            && let Some(bin) = self.bin_at(window, end)
        {
            bin.completions += 1;
        }
        self.add_tokens(record, window);
        self.add_span(window, times.intended, end, |bin, ns| bin.outstanding_ns += ns);
        let Some(sent) = times.sent else { return };
        self.add_span(window, sent, end, |bin, ns| bin.in_flight_ns += ns);
        let began = match start {
            Start::Sent => sent,
            Start::Intended => times.intended,
        };
        let ttft = RequestMetrics::of(record)
            .ttft_from(start)
            .filter(|_| record.cohort && record.status == Status::Ok);
        if let (Some(ttft), Some(bin)) = (ttft, self.bin_at(window, began)) {
            *bin.ttft.entry(coarse(ttft)).or_default() += 1;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (own, other) in self.bins.iter_mut().zip(&other.bins) {
            own.merge(other);
        }
    }

    /// The observed quantity batch by batch; a batch without a value is left out.
    pub(super) fn values(&self, what: Observed, batches: usize) -> Vec<f64> {
        let joined = self.joined(batches);
        let has_tokens = joined.iter().any(|batch| batch.millitokens > 0);
        let value = |batch: &Bin| match what {
            Observed::Throughput if has_tokens => Some(batch.millitokens as f64),
            Observed::Throughput => Some(batch.completions as f64),
            Observed::InFlight => Some(batch.in_flight_ns as f64),
            Observed::Outstanding => Some(batch.outstanding_ns as f64),
            Observed::Ttft => batch.median_ttft(),
        };
        joined.iter().filter_map(value).collect()
    }

    /// Successful completions batch by batch.
    pub(crate) fn completions(&self, batches: usize) -> Vec<f64> {
        let joined = self.joined(batches);
        joined.iter().map(|batch| batch.completions as f64).collect()
    }

    /// Output tokens batch by batch.
    pub(crate) fn tokens(&self, batches: usize) -> Vec<f64> {
        let joined = self.joined(batches);
        joined
            .iter()
            .map(|batch| batch.millitokens as f64 / MILLITOKENS as f64)
            .collect()
    }

    /// The bins joined to so many batches; a number that divides theirs.
    fn joined(&self, batches: usize) -> Vec<Bin> {
        let join = |bins: &[Bin]| {
            let mut batch = Bin::default();
            for bin in bins {
                batch.merge(bin);
            }
            batch
        };
        self.bins.chunks(BINS / batches.max(1)).map(join).collect()
    }

    fn add_tokens(&mut self, record: &Record, window: Window) {
        let Some(tokens) = output_tokens(record).map(|tokens| u64::from(tokens) * MILLITOKENS) else {
            return;
        };
        if !record.stream {
            if let Some(bin) = record.times.end.and_then(|end| self.bin_at(window, end)) {
                bin.millitokens += tokens;
            }
            return;
        }
        let chunks = token_chunks(record).map_or(0, u64::from);
        let each = tokens.checked_div(chunks).unwrap_or(0);
        for (t, kind) in record.events.t.iter().zip(&record.events.kind) {
            if kind.carries_tokens()
                && let Some(bin) = self.bin_at(window, *t)
            {
                bin.millitokens += each;
            }
        }
    }

    fn bin_at(&mut self, window: Window, t: i64) -> Option<&mut Bin> {
        self.bins.get_mut(window.part_at(BINS, t)?)
    }

    /// Shares a span of time out among the bins that it lies in.
    fn add_span(&mut self, window: Window, from: i64, to: i64, mut add: impl FnMut(&mut Bin, u64)) {
        let Some(first) = window.part_at(BINS, from.max(window.t1)) else {
            return;
        };
        let edge =
            |i: usize| window.t1 + (window.nanoseconds().saturating_mul(i as u64) / BINS as u64) as i64;
        for (i, bin) in self.bins.iter_mut().enumerate().skip(first) {
            let part = Window {
                t1: edge(i),
                t2: edge(i + 1),
                drained: false,
            };
            if part.t1 >= to {
                break;
            }
            add(bin, part.overlap(from, to));
        }
    }
}

impl Bin {
    fn merge(&mut self, other: &Self) {
        self.completions += other.completions;
        self.millitokens += other.millitokens;
        self.in_flight_ns += other.in_flight_ns;
        self.outstanding_ns += other.outstanding_ns;
        for (value, count) in &other.ttft {
            *self.ttft.entry(*value).or_default() += count;
        }
    }

    fn median_ttft(&self) -> Option<f64> {
        let count: u64 = self.ttft.values().sum();
        let mut seen = 0;
        let median = self.ttft.iter().find(|(_, times)| {
            seen += *times;
            2 * seen >= count
        });
        median.map(|(value, _)| *value as f64)
    }
}

/// The value with only its eight highest bits, the middle of what has the same: within 0.4 %.
fn coarse(value: u64) -> u64 {
    let dropped = (u64::BITS - value.leading_zeros()).saturating_sub(8);
    if dropped == 0 {
        return value;
    }
    (value >> dropped << dropped) | (1 << (dropped - 1))
}
