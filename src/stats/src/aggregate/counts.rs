//! How many: outcomes and tokens of the cohort.

use std::collections::BTreeMap;

use hpcbench_records::{ErrorKind, Record, Status, TokensSource};
use serde::{Deserialize, Serialize};

use crate::request::{output_tokens, token_chunks};

/// How the cohort's requests ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Complete.
    pub ok: u64,
    /// Failed.
    pub error: u64,
    /// Took longer than the workload allows.
    pub timeout: u64,
    /// Stopped by us.
    pub cancelled: u64,
    /// Failures, timeouts included, by kind.
    pub errors: BTreeMap<ErrorKind, u64>,
}

impl Outcomes {
    pub(super) fn add(&mut self, record: &Record) {
        match record.status {
            Status::Ok => self.ok += 1,
            Status::Error => self.error += 1,
            Status::Timeout => self.timeout += 1,
            Status::Cancelled => self.cancelled += 1,
        }
        if let Some(kind) = record.error_kind.filter(|_| record.status.is_failure()) {
            *self.errors.entry(kind).or_default() += 1;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.ok += other.ok;
        self.error += other.error;
        self.timeout += other.timeout;
        self.cancelled += other.cancelled;
        for (kind, count) in &other.errors {
            *self.errors.entry(*kind).or_default() += count;
        }
    }

    /// All requests of the cohort.
    pub fn issued(&self) -> u64 {
        self.ok + self.failed() + self.cancelled
    }

    /// Errors and timeouts.
    pub fn failed(&self) -> u64 {
        self.error + self.timeout
    }

    /// Failed / all that were left to end by themselves; `None` without any.
    pub fn failed_share(&self) -> Option<f64> {
        share(self.failed(), self.ok + self.failed())
    }
}

/// Tokens of the cohort's successful requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenTotals {
    /// Input tokens: the server's count, else the plan's.
    pub input: Option<u64>,
    /// Output tokens N.
    pub output: Option<u64>,
    /// Requests whose N is the server's count.
    pub from_usage: u64,
    /// Requests whose N is the number of chunks.
    pub from_chunks: u64,
    /// Token-carrying chunks of streams, and the tokens in them.
    pub streamed: Streamed,
    /// Planned output tokens, of requests that have a plan and a count.
    pub planned: u64,
    /// Σ over these of |N − planned|.
    pub off_plan: u64,
    /// Requests for which a plan other than zero tokens existed, or none.
    pub expecting_tokens: u64,
    /// Input tokens that the server says it had in a cache, of requests where it also counted the input.
    pub cached_input: u64,
    /// Input tokens of these requests.
    pub cacheable_input: u64,
}

/// Tokens in chunks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streamed {
    /// Token-carrying chunks.
    pub chunks: u64,
    /// Tokens in them.
    pub tokens: u64,
}

impl TokenTotals {
    /// Adds a successful request of the cohort.
    pub(super) fn add(&mut self, record: &Record) {
        let planned = record.tokens.output_planned;
        self.expecting_tokens += u64::from(planned != Some(0));
        if let Some(input) = record.tokens.input_usage.or(record.tokens.input_planned) {
            *self.input.get_or_insert(0) += u64::from(input);
        }
        if let Some((cached, input)) = record.tokens.cached_input.zip(record.tokens.input_usage) {
            self.cached_input += u64::from(cached);
            self.cacheable_input += u64::from(input);
        }
        let Some(output) = output_tokens(record) else {
            return;
        };
        *self.output.get_or_insert(0) += u64::from(output);
        match record.tokens.source {
            TokensSource::Usage => self.from_usage += 1,
            TokensSource::Chunks => self.from_chunks += 1,
        }
        if let Some(chunks) = token_chunks(record).filter(|_| record.stream) {
            self.streamed.chunks += u64::from(chunks);
            self.streamed.tokens += u64::from(output);
        }
        if let Some(planned) = planned {
            self.planned += u64::from(planned);
            self.off_plan += u64::from(planned.abs_diff(output));
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.input = sum(self.input, other.input);
        self.output = sum(self.output, other.output);
        self.from_usage += other.from_usage;
        self.from_chunks += other.from_chunks;
        self.streamed.chunks += other.streamed.chunks;
        self.streamed.tokens += other.streamed.tokens;
        self.planned += other.planned;
        self.off_plan += other.off_plan;
        self.expecting_tokens += other.expecting_tokens;
        self.cached_input += other.cached_input;
        self.cacheable_input += other.cacheable_input;
    }

    /// Whether N comes from the server for some requests and from counting chunks for others.
    pub fn sources_are_mixed(&self) -> bool {
        self.from_usage > 0 && self.from_chunks > 0
    }

    /// Mean tokens in a chunk.
    pub fn per_chunk(&self) -> Option<f64> {
        share(self.streamed.tokens, self.streamed.chunks)
    }

    /// Σ|N − planned| / Σ planned.
    pub fn off_plan_share(&self) -> Option<f64> {
        share(self.off_plan, self.planned)
    }

    /// Cached input tokens / input tokens.
    pub fn cached_share(&self) -> Option<f64> {
        share(self.cached_input, self.cacheable_input)
    }
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (one, other) => one.or(other),
    }
}

/// part / whole, `None` where the whole is nothing.
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
