//! AIPerf: `docs/metrics-reference.md` and `src/aiperf/metrics/` (`types/*_metric.py`, `metric_dicts.py`) of
//! ai-dynamo/aiperf.
//!
//! - Only responses with content count: token-carrying chunks. The clock starts with the request, before connecting.
//! - Request latency ends at the last such chunk; without a stream at the response's end.
//! - ITL = (request latency − TTFT) / (OSL − tokens of the first chunk), of requests with OSL ≥ 2. The first chunk's
//!   tokens are known only where the server counts chunk by chunk; else, and where that count is none or all of them, it
//!   is taken for one.
//! - ICL, inter-chunk latency: the gaps between such chunks, pooled. TTST is the first of them.
//! - TTFO: the first chunk with something other than reasoning.
//! - Quantiles and deviation as `NumPy` has them by default. A throughput divides by the time from the first start of a
//!   success to the end of the last one.

use hpcbench_records::{EventKind, Record};

use super::Tool;
use super::recomputed::{DefinedValue, Recomputed, Unit};
use super::statistics::{Metric, Quantile, RATE_STEPS, summarize};
use super::times::{between, end, input_tokens, output_tokens, per_token, token_events};
use super::totals::{Needs, Totals};
use crate::Distribution;

/// The sums behind the metrics.
#[derive(Default)]
pub(super) struct Aiperf {
    totals: Totals,
    ttft: Distribution,
    ttst: Distribution,
    ttfo: Distribution,
    latency: Distribution,
    itl: Distribution,
    icl: Distribution,
    per_user: Distribution,
    osl: Distribution,
    isl: Distribution,
}

impl Aiperf {
    fn stream(&mut self, record: &Record, start: i64, tokens: Option<u64>) {
        let mut chunks = token_events(record);
        let Some(first) = chunks.next() else { return };
        let mut last = first.t;
        for (index, chunk) in chunks.enumerate() {
            let gap = between(last, chunk.t);
            self.icl.record(gap);
            if index == 0 {
                self.ttst.record(gap);
            }
            last = chunk.t;
        }
        self.ttft.record(between(start, first.t));
        self.latency.record(between(start, last));
        if let Some(output) = token_events(record).find(|chunk| is_output(chunk.kind)) {
            self.ttfo.record(between(start, output.t));
        }
        let span = between(first.t, last);
        let after_first = tokens.and_then(|tokens| tokens_after_first(tokens, first.tokens));
        if let Some(itl) = after_first.and_then(|after_first| per_token(span, after_first)) {
            self.itl.record(itl);
        }
        // Their rate is 1 / ITL; of a whole stream in one read there is none.
        if let Some(after_first) = after_first.filter(|_| span > 0) {
            let rate = after_first as f64 * 1e9 / span as f64;
            self.per_user.record((rate * RATE_STEPS).round() as u64);
        }
    }
}

/// Anything but reasoning alone.
fn is_output(kind: EventKind) -> bool {
    kind.contains(EventKind::CONTENT) || kind.contains(EventKind::TOOL) || kind.contains(EventKind::REFUSAL)
}

/// The tokens that arrived after the first chunk; none of a single token.
fn tokens_after_first(tokens: u64, first: Option<u32>) -> Option<u64> {
    if tokens < 2 {
        return None;
    }
    let first = first.map_or(1, u64::from);
    let first = if (1..tokens).contains(&first) { first } else { 1 };
    Some(tokens - first)
}

impl Tool for Aiperf {
    fn add(&mut self, record: &Record) {
        let tokens = output_tokens(record);
        if !self.totals.count(record, tokens) {
            return;
        }
        let end = end(record);
        self.totals.span.cover(record.times.dispatch, end);
        if let Some(tokens) = tokens {
            self.osl.record(tokens);
        }
        if let Some(tokens) = input_tokens(record) {
            self.isl.record(tokens);
        }
        let Some((start, end)) = record.times.dispatch.zip(end) else {
            return;
        };
        if record.stream {
            self.stream(record, start, tokens);
        } else {
            self.latency.record(between(start, end));
        }
    }

    fn finish(self: Box<Self>) -> Recomputed {
        let totals = &self.totals;
        let output = totals.output.sum();
        let values = vec![
            DefinedValue::new("benchmark_duration", Unit::Seconds, totals.seconds()),
            DefinedValue::new(
                "request_throughput",
                Unit::RequestsPerSecond,
                totals.request_rate(),
            ),
            DefinedValue::new(
                "output_token_throughput",
                Unit::TokensPerSecond,
                totals.token_rate(output),
            ),
            DefinedValue::new(
                "total_token_throughput",
                Unit::TokensPerSecond,
                totals.token_rate(totals.tokens()),
            ),
        ];
        let (ms, tokens, rate) = (Unit::Milliseconds, Unit::Tokens, Unit::TokensPerSecond);
        let distributions = [
            ("time_to_first_token", ms, Needs::Stream, &self.ttft),
            ("time_to_second_token", ms, Needs::Stream, &self.ttst),
            ("time_to_first_output_token", ms, Needs::Stream, &self.ttfo),
            ("request_latency", ms, Needs::Success, &self.latency),
            ("inter_token_latency", ms, Needs::Tokens, &self.itl),
            ("inter_chunk_latency", ms, Needs::Stream, &self.icl),
            (
                "output_token_throughput_per_user",
                rate,
                Needs::Tokens,
                &self.per_user,
            ),
            ("output_sequence_length", tokens, Needs::Count, &self.osl),
            ("input_sequence_length", tokens, Needs::Input, &self.isl),
        ];
        let summaries = distributions.map(|(name, unit, needs, values)| {
            let if_empty = totals.why_empty(needs);
            let metric = Metric { name, unit, if_empty };
            summarize(metric, values, Quantile::Linear)
        });
        Recomputed {
            requests: totals.requests,
            values,
            distributions: summaries.into(),
        }
    }
}
