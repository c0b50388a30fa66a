//! MLPerf LoadGen, server scenario with token latencies: `loadgen/results.cc` (`ProcessLatencies`,
//! `ProcessTokenLatencies`, `LogSummary`) and `loadgen/logging.cc` of mlcommons/inference.
//!
//! - Latencies count from when the query was scheduled, so that waiting to be sent is inside: `t_intended`.
//! - A percentile p is `sorted[⌊n·p⌋]`, counted from 0. There is no standard deviation.
//! - TPOT = (latency − first token latency) / (N − 1), where the latency goes to the end of the response.
//! - Early stopping (c = 0.99, d = 0) is told as the lowest target that it would still call successful, p99 by p99.
//! - Per second: (n − 1) over the time from the test's start to when the last query was scheduled, or was done.
//!
//! LoadGen prints nanoseconds; these are milliseconds. A request that failed is left out, where LoadGen would wait
//! for ever.

use hpcbench_records::Record;

use super::Tool;
use super::early_stopping;
use super::recomputed::{Absent, DefinedValue, Recomputed, Unit};
use super::statistics::{Metric, Quantile, summarize};
use super::times::{between, end, output_tokens, per_token, token_events};
use super::totals::{Needs, Span, Totals};
use crate::Distribution;

/// The sums behind the metrics.
#[derive(Default)]
pub(super) struct Mlperf {
    totals: Totals,
    latency: Distribution,
    first_token: Distribution,
    tpot: Distribution,
    /// From the first query's schedule to the last one's.
    scheduled: Span,
    /// The last query's schedule, and when it was done.
    final_query: Option<(i64, i64)>,
}

impl Mlperf {
    /// Seconds from the test's start to when the last query was done.
    fn done_after(&self) -> Result<f64, Absent> {
        let mut span = self.scheduled;
        let done = self.final_query.map(|(_, done)| done);
        span.cover(done, done);
        span.seconds()
    }

    fn values(&self) -> Vec<DefinedValue> {
        let further = match self.totals.requests.completed {
            0 => Err(Absent::NoSuccess),
            samples => Ok((samples - 1) as f64),
        };
        let scheduled = further.and_then(|further| Ok(further / self.scheduled.seconds()?));
        let completed = further.and_then(|further| Ok(further / self.done_after()?));
        let tokens = self.totals.output.sum();
        let tokens = tokens.and_then(|tokens| Ok(tokens / self.done_after()?));
        let samples = Unit::RequestsPerSecond;
        let [latency, first_token, tpot] = self.distributions().map(|(_, needs, values)| {
            let too_few = Absent::TooFew {
                queries: values.count(),
                needed: early_stopping::FEWEST_QUERIES,
            };
            match early_stopping::lowest_target(values) {
                Some(target) => Ok(target as f64 / 1e6),
                None if values.is_empty() => Err(self.totals.why_empty(needs)),
                None => Err(too_few),
            }
        });
        vec![
            DefinedValue::new("scheduled_samples_per_second", samples, scheduled),
            DefinedValue::new("completed_samples_per_second", samples, completed),
            DefinedValue::new("completed_tokens_per_second", Unit::TokensPerSecond, tokens),
            DefinedValue::new("early_stopping_sample_latency_p99", Unit::Milliseconds, latency),
            DefinedValue::new(
                "early_stopping_first_token_latency_p99",
                Unit::Milliseconds,
                first_token,
            ),
            DefinedValue::new(
                "early_stopping_time_per_output_token_p99",
                Unit::Milliseconds,
                tpot,
            ),
        ]
    }

    fn distributions(&self) -> [(&'static str, Needs, &Distribution); 3] {
        [
            ("sample_latency", Needs::Success, &self.latency),
            ("first_token_latency", Needs::Stream, &self.first_token),
            ("time_per_output_token", Needs::Tokens, &self.tpot),
        ]
    }
}

impl Tool for Mlperf {
    fn add(&mut self, record: &Record) {
        let tokens = output_tokens(record);
        if !self.totals.count(record, tokens) {
            return;
        }
        let Some(end) = end(record) else { return };
        let scheduled = record.times.intended;
        self.scheduled.cover(Some(scheduled), Some(scheduled));
        self.final_query = self.final_query.max(Some((scheduled, end)));
        self.latency.record(between(scheduled, end));
        let Some(first) = token_events(record).next() else {
            return;
        };
        self.first_token.record(between(scheduled, first.t));
        let further = tokens.unwrap_or(0).saturating_sub(1);
        if let Some(tpot) = per_token(between(first.t, end), further) {
            self.tpot.record(tpot);
        }
    }

    fn finish(self: Box<Self>) -> Recomputed {
        let summaries = self.distributions().map(|(name, needs, values)| {
            let metric = Metric {
                name,
                unit: Unit::Milliseconds,
                if_empty: self.totals.why_empty(needs),
            };
            let mut summary = summarize(metric, values, Quantile::Floor);
            summary.std = None;
            summary
        });
        Recomputed {
            requests: self.totals.requests,
            values: self.values(),
            distributions: summaries.into(),
        }
    }
}
