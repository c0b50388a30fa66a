//! From an aggregate to a summary.

use super::note::{Note, NoteCode};
use super::{
    Concurrency, EndpointSummary, Goodput, MetricSummaries, MetricSummary, PercentileIntervals,
    RequestCounts, ServiceSummary, SloSummary, ThroughputIntervals, TrialSummary, interval,
};
use crate::aggregate::TrialAggregate;
use crate::aggregate::share;
use crate::batches::Batched;
use crate::verdict::Facts;
use crate::{Distribution, Expectations, Load, SloEvidence, Verdict};

/// Above this many tokens in the mean chunk, ITL is labelled a time per chunk.
const TOKENS_PER_CHUNK: f64 = 1.05;

impl TrialAggregate {
    /// The numbers of the trial, and whether they may be believed.
    pub fn summarize(&self, expectations: &Expectations) -> TrialSummary {
        let mut notes = Vec::new();
        let saw_requests = self.outcomes.issued() > 0;
        let metrics = self.metric_summaries(&mut notes);
        let slo = SloSummary::of(self, expectations, &mut notes);
        let goodput = self.goodput_summary(&mut notes);
        if self.clients.values().any(|client| client.window.drained) {
            let text =
                "the load ended after a fixed number of requests; the window ends with the last one sent";
            notes.push(Note::new(NoteCode::Drained, text));
        }
        notes.extend(self.closing_note());
        notes.extend(self.clock_note());
        let facts = Facts::gather(self, expectations);
        TrialSummary {
            verdict: Verdict::of(&facts),
            requests: RequestCounts::of(&self.outcomes),
            errors: self
                .outcomes
                .errors
                .iter()
                .map(|(kind, n)| (kind.as_str().to_owned(), *n))
                .collect(),
            duration_seconds: self.window_seconds(),
            // No client knows when the others began.
            start_error_seconds: None,
            request_throughput: self.request_throughput().filter(|_| saw_requests),
            output_token_throughput: self.token_throughput().filter(|_| saw_requests),
            throughput_intervals: ThroughputIntervals::of(self, interval::long_enough(self))
                .filter(|_| saw_requests),
            steady_state: facts.steady_state(),
            input_tokens: self.tokens.input,
            output_tokens: self.tokens.output,
            concurrency: Concurrency {
                requested: match expectations.load {
                    Load::Closed { concurrency, .. } => Some(concurrency),
                    Load::Open => None,
                },
                delivered_mean: self.delivered_mean().filter(|_| saw_requests),
            },
            metrics,
            slo,
            slo_evidence: SloEvidence::of(self, expectations, &facts),
            goodput,
            service: self.service.as_ref().and_then(ServiceSummary::of),
            endpoints: EndpointSummary::of_each(self),
            notes,
        }
    }

    /// Whether the client kept up, whatever else may be said of the numbers: the verdict of the checks on the client alone.
    pub fn client_verdict(&self, expectations: &Expectations) -> Verdict {
        Verdict::of_the_client(&Facts::gather(self, expectations))
    }

    /// Connecting is part of a request's time where the server does not keep connections.
    fn closing_note(&self) -> Option<Note> {
        let endpoints = &self.engine.as_ref()?.closing_endpoints;
        let names: Vec<String> = endpoints.iter().map(u16::to_string).collect();
        let text = format!(
            "the servers of these endpoints closed connections after their answers: {}; requests to them got fresh \
             connections, and waited for them",
            names.join(", ")
        );
        (!names.is_empty()).then(|| Note::new(NoteCode::ConnectionsClosed, text))
    }

    /// A step moves no duration, but what was read around it has the time of the read.
    fn clock_note(&self) -> Option<Note> {
        let steps = self.engine.as_ref()?.clock_steps;
        let text = format!(
            "the clients' clock was set in the window: their threads saw {steps} steps; for reads in between, the time of the \
             read stands for the arrival"
        );
        (steps > 0).then(|| Note::new(NoteCode::ClockSteps, text))
    }

    fn metric_summaries(&self, notes: &mut Vec<Note>) -> MetricSummaries {
        let metrics = &self.metrics;
        if let Some(per_chunk) = self
            .tokens
            .per_chunk()
            .filter(|&tokens| tokens > TOKENS_PER_CHUNK)
        {
            let text = format!("itl is a time per chunk: a chunk carries {per_chunk:.2} tokens on average");
            notes.push(Note::new(NoteCode::ItlPerChunk, text));
        }
        if !self.gap_quantile_is_resolved(0.999) {
            let percent = 100.0 * self.unresolved_share().unwrap_or(0.0);
            let text =
                format!("{percent:.2} % of the gaps are not known to 1 ms: high percentiles of itl are null");
            notes.push(Note::new(NoteCode::ItlUnresolved, text));
        }
        let mixed = self.tokens.sources_are_mixed();
        if mixed {
            let (usage, chunks) = (self.tokens.from_usage, self.tokens.from_chunks);
            let also = if self.goodput.limits.tpot.is_some() {
                ", and so is goodput with a limit on it"
            } else {
                ""
            };
            let text = format!(
                "tpot is null{also}: the service counted the tokens of {usage} requests, not of {chunks}"
            );
            notes.push(Note::new(NoteCode::TpotMixedSources, text));
        }
        let (batches, long_enough) = (&self.batches, interval::long_enough(self));
        let describe =
            |distribution, batched: &Batched| described(distribution, batched, long_enough, |_| true);
        let itl = described(&metrics.itl, &batches.itl, long_enough, |q| {
            self.gap_quantile_is_resolved(q)
        });
        MetricSummaries {
            ttft: describe(&metrics.ttft, &batches.ttft),
            itl,
            tpot: if mixed {
                MetricSummary::default()
            } else {
                describe(&metrics.tpot, &batches.tpot)
            },
            e2e: describe(&metrics.e2e, &batches.e2e),
            queue: describe(&metrics.queue, &batches.queue),
            ttft_sched: describe(&metrics.ttft_sched, &batches.ttft_sched),
            e2e_sched: describe(&metrics.e2e_sched, &batches.e2e_sched),
            client_lag: MetricSummary::of(&self.client_lag()),
            loop_gap: self
                .engine
                .as_ref()
                .map(|e| MetricSummary::of(&e.loop_gaps))
                .unwrap_or_default(),
        }
    }

    fn goodput_summary(&self, notes: &mut Vec<Note>) -> Option<Goodput> {
        let counts = &self.goodput;
        // By a chunk and by a token are two different limits.
        let is_mixed = counts.limits.tpot.is_some() && self.tokens.sources_are_mixed();
        if counts.limits.is_empty() || is_mixed {
            return None;
        }
        if counts.left_out > 0 {
            let text = format!(
                "{} requests were cancelled before they could miss a limit",
                counts.left_out
            );
            notes.push(Note::new(NoteCode::GoodputLeftOut, text));
        }
        Some(Goodput {
            share: share(counts.good, counts.good + counts.bad),
            rate: self.window_seconds().map(|seconds| counts.good as f64 / seconds),
            good: counts.good,
            left_out: counts.left_out,
        })
    }
}

/// A distribution with those quantiles and intervals that can be trusted.
fn described(
    distribution: &Distribution,
    batched: &Batched,
    long_enough: bool,
    trusted: impl Fn(f64) -> bool + Copy,
) -> MetricSummary {
    MetricSummary {
        interval: PercentileIntervals::of(distribution, batched, long_enough, trusted),
        ..MetricSummary::with_quantiles(distribution, trusted)
    }
}
