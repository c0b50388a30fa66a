//! What every tool counts: requests, tokens, and the time that they took.

use hpcbench_records::{Record, Status};

use super::recomputed::{Absent, RecomputedRequests};
use super::times;

/// Sums over the requests of the cohort.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) requests: RecomputedRequests,
    /// Successful requests that were streamed.
    streamed: u64,
    /// Input tokens of successful requests.
    pub(super) input: Tokens,
    /// Output tokens of successful requests.
    pub(super) output: Tokens,
    /// How long the tool's clock ran.
    pub(super) span: Span,
}

/// From a first instant to a last one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span(Option<(i64, i64)>);

impl Span {
    /// Makes it reach from here to there, at least.
    pub(super) fn cover(&mut self, from: Option<i64>, to: Option<i64>) {
        if let Some((from, to)) = from.zip(to) {
            let (first, last) = self.0.unwrap_or((from, to));
            self.0 = Some((first.min(from), last.max(to)));
        }
    }

    /// The first instant and the last.
    pub(super) const fn ends(self) -> Option<(i64, i64)> {
        self.0
    }

    /// Its length in seconds.
    pub(super) fn seconds(self) -> Result<f64, Absent> {
        let (first, last) = self.0.ok_or(Absent::NoSuccess)?;
        match times::between(first, last) {
            0 => Err(Absent::NoTime),
            nanoseconds => Ok(nanoseconds as f64 / 1e9),
        }
    }
}

/// Tokens of successful requests.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    sum: u64,
    counted: u64,
    uncounted: u64,
}

impl Tokens {
    fn add(&mut self, tokens: Option<u64>) {
        match tokens {
            Some(tokens) => {
                self.sum += tokens;
                self.counted += 1;
            }
            None => self.uncounted += 1,
        }
    }

    /// All tokens; unknown as soon as one request's are.
    pub(super) fn sum(&self) -> Result<f64, Absent> {
        match (self.counted, self.uncounted) {
            (0, 0) => Err(Absent::NoSuccess),
            (_, 0) => Ok(self.sum as f64),
            _ => Err(self.absent()),
        }
    }

    fn absent(&self) -> Absent {
        Absent::Uncounted {
            requests: self.uncounted,
            of: self.counted + self.uncounted,
        }
    }
}

impl Totals {
    /// Counts a request; says whether it succeeded.
    pub(super) fn count(&mut self, record: &Record, output_tokens: Option<u64>) -> bool {
        match record.status {
            Status::Ok => {
                self.requests.completed += 1;
                self.streamed += u64::from(record.stream);
                self.input.add(times::input_tokens(record));
                self.output.add(output_tokens);
                true
            }
            Status::Error | Status::Timeout => {
                self.requests.failed += 1;
                false
            }
            Status::Cancelled => {
                self.requests.cancelled += 1;
                false
            }
        }
    }

    /// From the first start to the last end, seconds.
    pub(super) fn seconds(&self) -> Result<f64, Absent> {
        self.span.seconds()
    }

    /// Successful requests per second.
    pub(super) fn request_rate(&self) -> Result<f64, Absent> {
        Ok(self.completed()? / self.seconds()?)
    }

    /// So many tokens per second.
    pub(super) fn token_rate(&self, tokens: Result<f64, Absent>) -> Result<f64, Absent> {
        Ok(tokens? / self.seconds()?)
    }

    /// Input and output tokens.
    pub(super) fn tokens(&self) -> Result<f64, Absent> {
        Ok(self.input.sum()? + self.output.sum()?)
    }

    fn completed(&self) -> Result<f64, Absent> {
        match self.requests.completed {
            0 => Err(Absent::NoSuccess),
            completed => Ok(completed as f64),
        }
    }

    /// Why a metric of single requests has no value.
    pub(super) fn why_empty(&self, needs: Needs) -> Absent {
        if self.requests.completed == 0 {
            Absent::NoSuccess
        } else if self.streamed == 0 && matches!(needs, Needs::Stream | Needs::Tokens) {
            Absent::NotStreamed
        } else if self.output.counted == 0 && matches!(needs, Needs::Count | Needs::Tokens) {
            self.output.absent()
        } else if self.input.counted == 0 && needs == Needs::Input {
            self.input.absent()
        } else {
            Absent::TooShort
        }
    }
}

/// What a metric of single requests needs, beyond a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing more.
    Success,
    /// A count of input tokens.
    Input,
    /// A stream.
    Stream,
    /// A count of output tokens.
    Count,
    /// Both.
    Tokens,
}
