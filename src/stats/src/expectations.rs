//! What a trial was meant to be: the yardstick that its numbers are held against.

use serde::{Deserialize, Serialize};

/// What was asked of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectations {
    /// The load.
    pub load: Load,
    /// Limits on percentiles.
    pub slo: Vec<SloLimit>,
    /// Whether the trial is one of a search, which is to learn how surely those limits are kept.
    pub searched: bool,
    /// Limits on each request.
    pub goodput: GoodputLimits,
    /// Largest share of failed requests that the recipe allows; where it says nothing, one percent.
    pub failed_tolerance: Option<f64>,
    /// Whether the service was told to generate exactly the planned number of tokens.
    pub output_length: OutputLength,
    /// What prompts share on purpose.
    pub cached_input: CachedInput,
    /// Where the clients run.
    pub placement: ClientPlacement,
}

impl Expectations {
    /// A load without any limits, from clients on nodes of their own.
    pub fn new(load: Load) -> Self {
        Self {
            load,
            slo: Vec::new(),
            searched: false,
            goodput: GoodputLimits::default(),
            failed_tolerance: None,
            output_length: OutputLength::Free,
            cached_input: CachedInput::UNEXPECTED,
            placement: ClientPlacement::Dedicated,
        }
    }

    /// The limits whose violations are counted batch by batch.
    pub(crate) fn searched_limits(&self) -> &[SloLimit] {
        if self.searched { &self.slo } else { &[] }
    }
}

/// The shape of the load, as far as numbers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Each of a fixed number of clients waits for its answer before it asks again.
    Closed {
        /// Clients, over all nodes.
        concurrency: u64,
        /// Mean pause between an answer and the next request, nanoseconds.
        think_time_ns: u64,
    },
    /// Requests come when the schedule says so, whatever the service does.
    Open,
}

impl Load {
    /// Where a request's latency begins for limits and comparisons: under an open load, waiting counts too.
    pub const fn start(self) -> Start {
        match self {
            Self::Closed { .. } => Start::Sent,
            Self::Open => Start::Intended,
        }
    }
}

/// Where a request's latency begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// When the kernel accepted its last byte.
    Sent,
    /// When the schedule wanted it.
    Intended,
}

/// Limits that each request is held against, nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodputLimits {
    /// Longest time to the first token.
    pub ttft: Option<u64>,
    /// Longest time per further token.
    pub tpot: Option<u64>,
    /// Longest time to the last token.
    pub e2e: Option<u64>,
}

impl GoodputLimits {
    /// Whether there is no limit at all.
    pub const fn is_empty(&self) -> bool {
        self.ttft.is_none() && self.tpot.is_none() && self.e2e.is_none()
    }
}

/// Whether output lengths are up to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputLength {
    /// The service was told to generate exactly as many tokens as planned.
    Planned,
    /// The model may stop earlier.
    Free,
}

/// Which input tokens the service may find in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachedInput {
    /// Any: prompts repeat themselves, or what was said before.
    Expected,
    /// Those at the beginning of each prompt that all share; 0: none. More of them distort the result.
    Prefix {
        /// So many.
        tokens: u32,
    },
}

impl CachedInput {
    /// Prompts were made to differ from their beginning on.
    pub const UNEXPECTED: Self = Self::Prefix { tokens: 0 };
}

/// Where the clients run, seen from the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientPlacement {
    /// On nodes of their own.
    Dedicated,
    /// On nodes of the service, where they take resources from it.
    WithServers,
    /// Everything is on one machine by design, and nobody takes the numbers for those of a cluster.
    OneMachine,
}

/// A limit on a percentile, as in `ttft_p99: 500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SloLimit {
    /// What is limited.
    pub metric: SloMetric,
    /// Which quantile of it, between 0 and 1.
    pub quantile: f64,
    /// The limit in nanoseconds.
    pub limit_ns: u64,
}

/// What a service-level objective can limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SloMetric {
    /// Time to the first token.
    Ttft,
    /// Time between chunks.
    Itl,
    /// Time per output token.
    Tpot,
    /// Time to the last token.
    E2e,
}

/// A name that is no service-level objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no SLO: write a metric (ttft, itl, tpot, e2e) and a percentile (p50, p90, p95, p99, p999), as in ttft_p99"
)]
pub struct UnknownSlo(String);

impl SloMetric {
    const ALL: [Self; 4] = [Self::Ttft, Self::Itl, Self::Tpot, Self::E2e];

    const fn name(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::Itl => "itl",
            Self::Tpot => "tpot",
            Self::E2e => "e2e",
        }
    }
}

/// Percentiles by name.
const PERCENTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p999", 0.999),
];

impl SloLimit {
    /// The limit that a recipe's key names: metric, underscore, percentile.
    pub fn parse(name: &str, limit_ns: u64) -> Result<Self, UnknownSlo> {
        let unknown = || UnknownSlo(name.to_owned());
        let (metric, percentile) = name.split_once('_').ok_or_else(unknown)?;
        let metric = SloMetric::ALL
            .into_iter()
            .find(|known| known.name() == metric)
            .ok_or_else(unknown)?;
        let (_, quantile) = PERCENTILES
            .into_iter()
            .find(|(known, _)| *known == percentile)
            .ok_or_else(unknown)?;
        Ok(Self {
            metric,
            quantile,
            limit_ns,
        })
    }

    /// Its name in recipes and summaries.
    pub fn name(&self) -> String {
        let digits = format!("{:.6}", self.quantile.clamp(0.0, 0.999_999));
        let digits = digits.trim_start_matches("0.").trim_end_matches('0');
        format!("{}_p{digits:0<2}", self.metric.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slo_names_are_read_and_written_alike() {
        for metric in SloMetric::ALL {
            for (percentile, quantile) in PERCENTILES {
                let name = format!("{}_{percentile}", metric.name());
                let slo = SloLimit::parse(&name, 7).unwrap();
                assert_eq!(
                    slo,
                    SloLimit {
                        metric,
                        quantile,
                        limit_ns: 7
                    }
                );
                assert_eq!(slo.name(), name);
            }
        }
        for name in ["ttft", "ttft_99", "ttfb_p99", "ttft_p99_", ""] {
            assert!(SloLimit::parse(name, 1).is_err(), "{name}");
        }
    }

    #[test]
    fn latency_begins_with_the_schedule_under_an_open_load() {
        assert_eq!(Load::Open.start(), Start::Intended);
        assert_eq!(
            Load::Closed {
                concurrency: 1,
                think_time_ns: 0
            }
            .start(),
            Start::Sent
        );
    }
}
