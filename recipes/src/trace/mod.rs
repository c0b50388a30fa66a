//! Recorded arrivals: JSON Lines, each with a `timestamp`.
//!
//! ```text
//! {"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47, 2111]}
//! ```
//!
//! This is the layout of Mooncake's public traces. All but the time stamp may be missing, and other keys are let pass.

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use serde::Deserialize;
use serde_json::Number;

use crate::recipe::Timestamps;

/// Largest trace file, bytes.
pub const MAX_TRACE_BYTES: u64 = 256 * 1024 * 1024;

/// Longest line of a trace, bytes.
pub const MAX_TRACE_LINE_BYTES: usize = 1024 * 1024;

/// Most arrivals of a trace.
pub const MAX_TRACE_REQUESTS: usize = 5_000_000;

/// Most tokens of a trace's prompt or answer.
pub const MAX_TRACE_TOKENS: u32 = 4_000_000;

/// Longest time from a trace's first arrival to its last, seconds: a year.
pub const MAX_TRACE_SECONDS: f64 = 366.0 * 86_400.0;

const NANOS_PER_SECOND: f64 = 1e9;
const NANOS_PER_MILLI: f64 = 1e6;

/// Recorded arrivals, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    requests: Vec<TraceRequest>,
}

/// One arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRequest {
    /// Nanoseconds since the trace's first arrival; never less than the arrival's before.
    pub at: u64,
    /// Tokens of the prompt, at least one.
    pub input_tokens: Option<u32>,
    /// Tokens of the answer.
    pub output_tokens: Option<u32>,
    /// What the prompt's blocks of text are called; empty if nothing is known about them.
    pub blocks: Box<[u64]>,
}

/// How a trace is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceLayout {
    /// What time stamps count.
    pub timestamps: Timestamps,
    /// Tokens of a block.
    pub block_tokens: NonZeroU32,
}

/// What is wrong with a trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// A line is no arrival.
    #[error("line {line}: {problem}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no arrival.
    #[error("there is no arrival in it")]
    Empty,
    /// The file is too large.
    #[error("it has more than {MAX_TRACE_BYTES} bytes")]
    TooLarge,
}

/// A line as it is in the file.
#[derive(Deserialize)]
struct Line {
    timestamp: Number,
    input_length: Option<u32>,
    output_length: Option<u32>,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

/// A time stamp's unit and the first of them.
#[derive(Clone, Copy)]
struct Origin {
    nanos: f64,
    first: f64,
    /// Whether time stamps have a decimal point, where that decides the unit.
    fraction: Option<bool>,
}

impl Trace {
    /// Reads a trace.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn parse(text: &[u8], layout: TraceLayout) -> Result<Self, TraceError> {
        if text.len() as u64 > MAX_TRACE_BYTES {
            return Err(TraceError::TooLarge);
        }
        let mut requests: Vec<TraceRequest> = Vec::new();
        let mut origin = None;
        for (index, bytes) in text.split(|byte| *byte == b'\n').enumerate() {
            let bytes = bytes.trim_ascii();
            if bytes.is_empty() {
                continue;
            }
            let failed = |problem| TraceError::Line {
                line: index + 1,
                problem,
            };
            if requests.len() >= MAX_TRACE_REQUESTS {
                return Err(failed(format!(
                    "there are more than {MAX_TRACE_REQUESTS} arrivals"
                )));
            }
            let line = parse_line(bytes).map_err(failed)?;
            let origin = origin.get_or_insert_with(|| Origin::new(&line.timestamp, layout.timestamps));
            let at = origin.nanos(&line.timestamp).map_err(failed)?;
            if requests.last().is_some_and(|last| last.at > at) {
                return Err(failed(
                    "its time stamp is before that of the arrival before it".into(),
                ));
            }
            requests.push(request(line, at, layout.block_tokens).map_err(failed)?);
        }
        if requests.is_empty() {
            return Err(TraceError::Empty);
        }
        Ok(Self { requests })
    }

    /// The arrivals, in order.
    pub fn requests(&self) -> &[TraceRequest] {
        &self.requests
    }

    /// The arrivals, in order.
    pub fn into_requests(self) -> Vec<TraceRequest> {
        self.requests
    }

    /// Seconds from the first arrival to the last, at this speed.
    pub fn seconds(&self, speed: f64) -> f64 {
        let last = self.requests.last().map_or(0, |request| request.at);
        last as f64 / NANOS_PER_SECOND / speed
    }

    /// Arrivals in a window that begins and ends so many seconds after the first one, at this speed.
    pub fn arrivals_between(&self, seconds: std::ops::Range<f64>, speed: f64) -> usize {
        let inside =
            |request: &&TraceRequest| seconds.contains(&(request.at as f64 / NANOS_PER_SECOND / speed));
        self.requests.iter().filter(inside).count()
    }
}

impl Origin {
    fn new(first: &Number, timestamps: Timestamps) -> Self {
        let fraction = matches!(timestamps, Timestamps::Auto).then(|| first.is_f64());
        let seconds = fraction.unwrap_or(timestamps == Timestamps::Seconds);
        Self {
            nanos: if seconds {
                NANOS_PER_SECOND
            } else {
                NANOS_PER_MILLI
            },
            first: first.as_f64().unwrap_or_default(),
            fraction,
        }
    }

    /// Nanoseconds since the first time stamp.
    fn nanos(self, stamp: &Number) -> Result<u64, String> {
        if self.fraction.is_some_and(|fraction| fraction != stamp.is_f64()) {
            return Err(
                "time stamps are whole numbers (milliseconds) or have a decimal point (seconds), not both: \
                 say which with `timestamps`"
                    .to_owned(),
            );
        }
        let since = (stamp.as_f64().unwrap_or_default() - self.first) * self.nanos;
        if since < 0.0 {
            return Err("its time stamp is before that of the first arrival".to_owned());
        }
        // Also refuses what is no number at all.
        if since <= MAX_TRACE_SECONDS * NANOS_PER_SECOND {
            Ok(since.round() as u64)
        } else {
            Err("it is more than a year after the first arrival: see `timestamps`".to_owned())
        }
    }
}

fn parse_line(bytes: &[u8]) -> Result<Line, String> {
    if bytes.len() > MAX_TRACE_LINE_BYTES {
        return Err(format!("it has more than {MAX_TRACE_LINE_BYTES} bytes"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        // The line in the message would be that of a one-line text.
        let text = text.split(" at line ").next().unwrap_or(&text);
        format!("{text}, at column {}", error.column())
    })
}

fn request(line: Line, at: u64, block_tokens: NonZeroU32) -> Result<TraceRequest, String> {
    let Line {
        input_length,
        output_length,
        hash_ids,
        ..
    } = line;
    for (name, tokens) in [("input_length", input_length), ("output_length", output_length)] {
        if tokens.is_some_and(|tokens| tokens > MAX_TRACE_TOKENS) {
            return Err(format!("`{name}` is above {MAX_TRACE_TOKENS}"));
        }
    }
    if input_length == Some(0) {
        return Err("`input_length` is 0: a prompt has at least one token".to_owned());
    }
    if !hash_ids.is_empty() {
        let Some(input) = input_length else {
            return Err("there are `hash_ids`, but no `input_length`".to_owned());
        };
        let blocks = input.div_ceil(block_tokens.get()) as usize;
        if blocks != hash_ids.len() {
            return Err(format!(
                "an `input_length` of {input} makes {blocks} blocks of {block_tokens} tokens, but there are {} \
                 `hash_ids`: see `block_tokens`",
                hash_ids.len()
            ));
        }
    }
    Ok(TraceRequest {
        at,
        input_tokens: input_length,
        output_tokens: output_length,
        blocks: hash_ids.into(),
    })
}
