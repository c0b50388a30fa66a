//! GuideLLM: `src/guidellm/schemas/base/request_stats.py` and `statistics.py`, and `GenerativeMetrics.compile` in
//! its `metrics.py`, of vllm-project/guidellm.
//!
//! - TPOT = (last chunk − start) / N: the first token is inside. Without a stream it ends with the response.
//! - ITL = (last − first chunk) / (N − 1), one value a request.
//! - In their distributions a request weighs N and N − 1: these are means over tokens, not over requests.
//! - Request latency goes to the end of the response, not to its last token.
//! - N is the server's count, else the number of token-carrying chunks.
//! - A quantile is the smallest value that a share of at least q does not exceed; the deviation is divided by n.
//! - Requests per second and concurrency are those of successes, from the first start to the last end of all requests.
//!   Tokens per second are counted from the first to the last token. Of these rates only the mean is given.
//! - It merges instants that are less than 0.1 ms apart; this does not.

use hpcbench_records::{Record, Status};

use super::Tool;
use super::concurrency::Intervals;
use super::recomputed::{DefinedValue, Recomputed, Unit};
use super::statistics::{Metric, Quantile, summarize};
use super::times::{between, end, input_tokens, output_tokens, per_token, token_events};
use super::totals::{Needs, Span, Totals};
use crate::{Distribution, token_chunks};

/// The sums behind the metrics.
#[derive(Default)]
pub(super) struct Guidellm {
    totals: Totals,
    /// From the first token to the last.
    tokens: Span,
    intervals: Intervals,
    latency: Distribution,
    ttft: Distribution,
    tpot: Distribution,
    itl: Distribution,
    inputs: Distribution,
    outputs: Distribution,
}

fn count(record: &Record) -> Option<u64> {
    let chunks = || token_chunks(record).filter(|&chunks| chunks > 0).map(u64::from);
    output_tokens(record).or_else(chunks)
}

impl Guidellm {
    fn measure(&mut self, record: &Record, start: i64, end: i64, tokens: Option<u64>) {
        self.intervals.push(start, end);
        self.latency.record(between(start, end));
        let mut chunks = token_events(record);
        let first = chunks.next().map(|chunk| chunk.t);
        let last = chunks.last().map(|chunk| chunk.t).or(first);
        self.tokens.cover(first.or(Some(end)), last.or(Some(end)));
        if let Some(first) = first {
            self.ttft.record(between(start, first));
        }
        let Some(tokens) = tokens else { return };
        if let Some(tpot) = per_token(between(start, last.unwrap_or(end)), tokens) {
            self.tpot.record_times(tpot, tokens);
        }
        if let Some((first, last)) = first.zip(last) {
            let further = tokens.saturating_sub(1);
            let itl = per_token(between(first, last), further).unwrap_or(0);
            self.itl.record_times(itl, further);
        }
    }

    fn values(&self) -> Vec<DefinedValue> {
        let totals = &self.totals;
        let per_second = |tokens: Result<f64, _>| Ok(tokens? / self.tokens.seconds()?);
        let (requests, tokens) = (Unit::RequestsPerSecond, Unit::TokensPerSecond);
        vec![
            DefinedValue::new("duration", Unit::Seconds, totals.seconds()),
            DefinedValue::new("requests_per_second", requests, totals.request_rate()),
            DefinedValue::new(
                "output_tokens_per_second",
                tokens,
                per_second(totals.output.sum()),
            ),
            DefinedValue::new("tokens_per_second", tokens, per_second(totals.tokens())),
        ]
    }
}

impl Tool for Guidellm {
    fn add(&mut self, record: &Record) {
        let tokens = count(record);
        let succeeded = self.totals.count(record, tokens);
        let (start, end) = (record.times.dispatch, end(record));
        if record.status != Status::Cancelled {
            self.totals.span.cover(start, end);
        }
        if !succeeded {
            return;
        }
        if let Some(tokens) = tokens {
            self.outputs.record(tokens);
        }
        if let Some(tokens) = input_tokens(record) {
            self.inputs.record(tokens);
        }
        if let Some((start, end)) = start.zip(end) {
            self.measure(record, start, end, tokens);
        }
    }

    fn finish(mut self: Box<Self>) -> Recomputed {
        let span = self.totals.span;
        let concurrency = std::mem::take(&mut self.intervals).weighted_by_time(span);
        let (ms, tokens) = (Unit::Milliseconds, Unit::Tokens);
        let distributions = [
            ("request_latency", Unit::Seconds, Needs::Success, &self.latency),
            ("time_to_first_token_ms", ms, Needs::Stream, &self.ttft),
            ("inter_token_latency_ms", ms, Needs::Tokens, &self.itl),
            ("time_per_output_token_ms", ms, Needs::Count, &self.tpot),
            (
                "request_concurrency",
                Unit::Requests,
                Needs::Success,
                &concurrency,
            ),
            ("output_token_count", tokens, Needs::Count, &self.outputs),
            ("prompt_token_count", tokens, Needs::Input, &self.inputs),
        ];
        let summaries = distributions.map(|(name, unit, needs, values)| {
            let if_empty = self.totals.why_empty(needs);
            let metric = Metric { name, unit, if_empty };
            let mut summary = summarize(metric, values, Quantile::Inverse);
            // What is weighted by tokens or nanoseconds has as many values as there are requests.
            if name == "request_concurrency" {
                summary.count = self.latency.count();
            }
            summary
        });
        Recomputed {
            requests: self.totals.requests,
            values: self.values(),
            distributions: summaries.into(),
        }
    }
}
