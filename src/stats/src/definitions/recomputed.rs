//! What a recomputation comes to.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A trial's metrics as a tool defines them, under that tool's names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recomputed {
    /// How the cohort's requests ended.
    pub requests: RecomputedRequests,
    /// What there is one value of, such as a throughput.
    #[serde(serialize_with = "values_by_name")]
    pub values: Vec<DefinedValue>,
    /// What there is a value of for each request, or for each chunk.
    #[serde(serialize_with = "distributions_by_name")]
    pub distributions: Vec<DefinedDistribution>,
}

/// How the cohort's requests ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RecomputedRequests {
    /// Successes; every metric is about these.
    pub completed: u64,
    /// Errors and timeouts.
    pub failed: u64,
    /// Stopped by us; in no number.
    pub cancelled: u64,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DefinedValue {
    /// The tool's name for it.
    #[serde(skip)]
    pub name: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// The value; `None` if there is none.
    pub value: Option<f64>,
    /// Why there is none.
    pub absent: Option<Absent>,
}

impl DefinedValue {
    pub(super) fn new(name: &'static str, unit: Unit, value: Result<f64, Absent>) -> Self {
        Self {
            name,
            unit,
            value: value.ok(),
            absent: value.err(),
        }
    }
}

/// A distribution, summarized as the tool does it. All but `count` are `None` if there is no value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DefinedDistribution {
    /// The tool's name for it.
    #[serde(skip)]
    pub name: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// How many requests, or chunks, have a value.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Standard deviation, divided by n as these tools do; `None` for the tool that has none.
    pub std: Option<f64>,
    /// Smallest value.
    pub min: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// Why there is no value.
    pub absent: Option<Absent>,
}

/// What a number is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Tokens.
    Tokens,
    /// Requests.
    Requests,
    /// Requests per second.
    RequestsPerSecond,
    /// Tokens per second.
    TokensPerSecond,
}

impl Unit {
    /// Its symbol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Tokens => "tokens",
            Self::Requests => "requests",
            Self::RequestsPerSecond => "requests/s",
            Self::TokensPerSecond => "tokens/s",
        }
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why a number is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// No request of the cohort succeeded.
    NoSuccess,
    /// No successful request was streamed, so nothing is known between its start and its end.
    NotStreamed,
    /// Requests without a count of tokens, neither the server's nor a tokenizer's.
    Uncounted {
        /// So many.
        requests: u64,
        /// Of so many.
        of: u64,
    },
    /// No request had tokens or chunks enough.
    TooShort,
    /// Everything happened at one instant.
    NoTime,
    /// Fewer queries than early stopping takes.
    TooFew {
        /// So many.
        queries: u64,
        /// It takes so many.
        needed: u64,
    },
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuccess => f.write_str("no request succeeded"),
            Self::NotStreamed => f.write_str("no answer was streamed"),
            Self::Uncounted { requests, of } => {
                write!(f, "the tokens of {requests} of {of} requests were not counted")
            }
            Self::TooShort => f.write_str("no answer was long enough"),
            Self::NoTime => f.write_str("it took no time"),
            Self::TooFew { queries, needed } => {
                write!(f, "{queries} queries are too few: it takes {needed} at least")
            }
        }
    }
}

impl Serialize for Absent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn values_by_name<S: Serializer>(values: &[DefinedValue], serializer: S) -> Result<S::Ok, S::Error> {
    by_name(values, |value| value.name, serializer)
}

fn distributions_by_name<S: Serializer>(
    distributions: &[DefinedDistribution],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    by_name(distributions, |distribution| distribution.name, serializer)
}

fn by_name<T: Serialize, S: Serializer>(
    all: &[T],
    name: impl Fn(&T) -> &'static str,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(all.len()))?;
    for one in all {
        map.serialize_entry(name(one), one)?;
    }
    map.end()
}
