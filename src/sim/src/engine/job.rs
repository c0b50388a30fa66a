//! The life of an admitted request: advance it when it is due, note what was sent, let the next one in.

use hpcbench_timing::Monotonic;

use super::{Engine, Now};
use crate::api::Endpoint;
use crate::generation::{Generation, Moment, Progress};
use crate::metrics::Finished;
use crate::render::FinishReason;
use crate::truth::{Outcome, TruthKey};

/// A request between its arrival and its end.
#[derive(Debug)]
pub(crate) struct Job {
    generation: Generation,
    truth: TruthKey,
    arrival: Monotonic,
    last_sent: Option<Monotonic>,
    input_tokens: u32,
}

/// What [`Engine::advance`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) progress: Progress,
    /// Tokens in these bytes; [`Engine::sent`] wants to know when they are written.
    pub(crate) tokens: u32,
}

impl Job {
    pub(super) fn new(generation: Generation, truth: TruthKey, arrival: Monotonic) -> Self {
        let input_tokens = generation.plan().request.prompt_tokens;
        Self {
            generation,
            truth,
            arrival,
            last_sent: None,
            input_tokens,
        }
    }

    /// Whether the connection stays open after the response.
    pub(crate) const fn keep_alive(&self) -> bool {
        self.generation.plan().keep_alive
    }

    fn kv_tokens(&self) -> u64 {
        u64::from(self.input_tokens) + u64::from(self.generation.tokens_sent())
    }
}

impl<K: PartialEq + Copy> Engine<K> {
    /// The job enters the batch at `at`. Returns when to advance it for the first time.
    pub(crate) fn admit(&mut self, job: &mut Job, at: Monotonic) -> Monotonic {
        let plan = job.generation.plan();
        let load = match (plan.request.endpoint, &plan.request.model) {
            (Endpoint::OllamaGenerate | Endpoint::OllamaChat, Some(model)) => self.catalog.load(model, at),
            _ => 0,
        };
        let queued = at.nanos_since(job.arrival);
        self.truth.admit(job.truth, queued);
        self.metrics.admitted(job.input_tokens, queued);
        self.kv_tokens += job.kv_tokens();
        job.generation
            .admit(at, load, self.scheduler.running(), &self.model)
    }

    /// Appends to `out` what is due.
    pub(crate) fn advance(&mut self, job: &mut Job, now: Now, out: &mut Vec<u8>) -> Written {
        let before = job.generation.tokens_sent();
        let moment = Moment {
            now: now.mono,
            wall: now.wall,
            running: self.scheduler.running(),
            model: &self.model,
        };
        let progress = job.generation.advance(&moment, out);
        let tokens = job.generation.tokens_sent() - before;
        self.kv_tokens += u64::from(tokens);
        Written { progress, tokens }
    }

    /// `tokens` were written, from `now` on; they had been due at `due`.
    pub(crate) fn sent(&mut self, job: &mut Job, tokens: u32, due: Monotonic, now: Now) {
        self.truth
            .sent(job.truth, now.wall, tokens, now.mono.nanos_since(due));
        match job.last_sent.replace(now.mono) {
            None => self
                .metrics
                .first_tokens(tokens, now.mono.nanos_since(job.arrival)),
            Some(last) => self.metrics.more_tokens(tokens, now.mono.nanos_since(last)),
        }
    }

    /// A running job is over. Returns the waiting one that takes its place, to be [`admit`](Self::admit)ted.
    pub(crate) fn leave(&mut self, job: &Job, outcome: Outcome, now: Monotonic) -> Option<K> {
        self.kv_tokens = self.kv_tokens.saturating_sub(job.kv_tokens());
        let finished = match (outcome, job.generation.plan().finish) {
            (Outcome::Completed, FinishReason::Length) => Finished::Length,
            (Outcome::Completed, FinishReason::Stop) => Finished::Stop,
            (Outcome::Aborted, _) => Finished::Abort,
            _ => Finished::Error,
        };
        self.truth
            .finish(job.truth, outcome, Some(job.generation.status()));
        self.metrics.finished(finished, now.nanos_since(job.arrival));
        self.scheduler.leave()
    }

    /// A waiting job's client went away.
    pub(crate) fn abandon(&mut self, key: K, job: &Job, now: Monotonic) {
        self.scheduler.abandon(key);
        self.truth.finish(job.truth, Outcome::Aborted, None);
        self.metrics
            .finished(Finished::Abort, now.nanos_since(job.arrival));
    }
}
