//! `vllm bench serve`: `vllm/benchmarks/serve.py` (`calculate_metrics`) and
//! `vllm/benchmarks/lib/endpoint_request_func.py` (`async_request_openai_chat_completions`) of vllm-project/vllm.
//!
//! - The clock starts before the HTTP call, so connecting is inside: `t_dispatch`.
//! - Every event with non-empty `choices` counts, the one that only has a role included; so TTFT is often that event's.
//! - E2EL ends at the last such event, not at the end of the stream.
//! - TPOT = (E2EL − TTFT) / (N − 1), of requests with N > 1. ITL: the gaps between such events, pooled.
//! - Quantiles and deviation as `NumPy` has them by default. A throughput divides by the whole time from the first start
//!   to the last end, failures included.
//! - For the goodput, TPOT is 0 for N ≤ 1.

use hpcbench_records::{EventKind, Record, Status};

use super::Tool;
use super::recomputed::{Absent, DefinedValue, Recomputed, Unit};
use super::statistics::{Metric, Quantile, summarize};
use super::times::{between, end, events, output_tokens, per_token};
use super::totals::{Needs, Totals};
use crate::{Distribution, GoodputLimits};

/// The sums behind the metrics.
pub(super) struct Vllm {
    limits: GoodputLimits,
    totals: Totals,
    ttft: Distribution,
    tpot: Distribution,
    itl: Distribution,
    e2el: Distribution,
    good: u64,
    /// Successes of which it cannot be said whether they were good.
    unjudged: u64,
}

/// A request's times in nanoseconds.
struct Latencies {
    ttft: u64,
    e2el: u64,
    /// `None` where tokens were not counted; zero for a single one.
    tpot: Option<u64>,
}

impl Vllm {
    pub(super) fn new(limits: &GoodputLimits) -> Self {
        Self {
            limits: *limits,
            totals: Totals::default(),
            ttft: Distribution::new(),
            tpot: Distribution::new(),
            itl: Distribution::new(),
            e2el: Distribution::new(),
            good: 0,
            unjudged: 0,
        }
    }

    /// Puts the gaps of a stream into the pool, and returns its times.
    fn measure(&mut self, record: &Record, tokens: Option<u64>) -> Option<Latencies> {
        let start = record.times.dispatch?;
        let mut chunks = events(record).filter(|event| event.kind.contains(EventKind::CHOICES));
        let first = chunks.next()?.t;
        let mut last = first;
        for chunk in chunks {
            self.itl.record(between(last, chunk.t));
            last = chunk.t;
        }
        let tpot = |tokens: u64| per_token(between(first, last), tokens.saturating_sub(1)).unwrap_or(0);
        Some(Latencies {
            ttft: between(start, first),
            e2el: between(start, last),
            tpot: tokens.map(tpot),
        })
    }

    fn judge(&mut self, latencies: &Latencies) {
        let within = |limit: Option<u64>, value: u64| limit.is_none_or(|limit| value <= limit);
        let tpot = match (self.limits.tpot, latencies.tpot) {
            (None, _) => true,
            (limit, Some(tpot)) => within(limit, tpot),
            (Some(_), None) => {
                self.unjudged += 1;
                return;
            }
        };
        let good =
            tpot && within(self.limits.ttft, latencies.ttft) && within(self.limits.e2e, latencies.e2el);
        self.good += u64::from(good);
    }

    fn goodput(&self) -> Result<f64, Absent> {
        if self.totals.requests.completed == 0 {
            return Err(Absent::NoSuccess);
        }
        if self.unjudged > 0 {
            self.totals.output.sum()?;
            return Err(self.totals.why_empty(Needs::Stream));
        }
        Ok(self.good as f64 / self.totals.seconds()?)
    }

    fn values(&self) -> Vec<DefinedValue> {
        let totals = &self.totals;
        let (input, output) = (totals.input.sum(), totals.output.sum());
        let mut values = vec![
            DefinedValue::new("duration", Unit::Seconds, totals.seconds()),
            DefinedValue::new("total_input_tokens", Unit::Tokens, input),
            DefinedValue::new("total_output_tokens", Unit::Tokens, output),
            DefinedValue::new(
                "request_throughput",
                Unit::RequestsPerSecond,
                totals.request_rate(),
            ),
            DefinedValue::new(
                "output_throughput",
                Unit::TokensPerSecond,
                totals.token_rate(output),
            ),
            DefinedValue::new(
                "total_token_throughput",
                Unit::TokensPerSecond,
                totals.token_rate(totals.tokens()),
            ),
        ];
        if !self.limits.is_empty() {
            values.push(DefinedValue::new(
                "request_goodput",
                Unit::RequestsPerSecond,
                self.goodput(),
            ));
        }
        values
    }
}

impl Tool for Vllm {
    fn add(&mut self, record: &Record) {
        let tokens = output_tokens(record);
        let succeeded = self.totals.count(record, tokens);
        if record.status != Status::Cancelled {
            self.totals.span.cover(record.times.dispatch, end(record));
        }
        if !succeeded {
            return;
        }
        let Some(latencies) = self.measure(record, tokens) else {
            self.unjudged += 1;
            return;
        };
        self.ttft.record(latencies.ttft);
        self.e2el.record(latencies.e2el);
        if tokens > Some(1) {
            self.tpot.record(latencies.tpot.unwrap_or(0));
        }
        self.judge(&latencies);
    }

    fn finish(self: Box<Self>) -> Recomputed {
        let metric = |name, needs| Metric {
            name,
            unit: Unit::Milliseconds,
            if_empty: self.totals.why_empty(needs),
        };
        let distributions = [
            (metric("ttft", Needs::Stream), &self.ttft),
            (metric("tpot", Needs::Tokens), &self.tpot),
            (metric("itl", Needs::Stream), &self.itl),
            (metric("e2el", Needs::Stream), &self.e2el),
        ];
        Recomputed {
            requests: self.totals.requests,
            values: self.values(),
            distributions: distributions
                .map(|(metric, values)| summarize(metric, values, Quantile::Linear))
                .into(),
        }
    }
}
