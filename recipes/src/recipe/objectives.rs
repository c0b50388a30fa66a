//! What counts as good: service level objectives, goodput limits, tolerated failures.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::units::Duration;

/// Share of failed requests that still allows a verdict other than `invalid`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tolerance {
    /// Failed requests of the cohort, as a share from 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub failed: f64,
}

/// Limits that a request must keep, all of them, to count as good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Goodput {
    /// Longest time to the first token.
    pub ttft: Option<Duration>,
    /// Longest mean time per output token after the first.
    pub tpot: Option<Duration>,
    /// Longest time to the last token.
    pub e2e: Option<Duration>,
}

/// A measured quantity that an objective can limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Time to the first token.
    Ttft,
    /// Gap between token-carrying chunks.
    Itl,
    /// Mean time per output token after the first.
    Tpot,
    /// Time to the last token.
    E2e,
}

impl Metric {
    /// All of them, in the order of documentation.
    pub const ALL: [Self; 4] = [Self::Ttft, Self::Itl, Self::Tpot, Self::E2e];

    /// The metric's name, as in a recipe and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::Itl => "itl",
            Self::Tpot => "tpot",
            Self::E2e => "e2e",
        }
    }
}

/// A percentile that an objective can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Percentile {
    /// The median.
    P50,
    /// The 90th.
    P90,
    /// The 95th.
    P95,
    /// The 99th.
    P99,
    /// The 99.9th.
    P999,
}

impl Percentile {
    /// All of them, from low to high.
    pub const ALL: [Self; 5] = [Self::P50, Self::P90, Self::P95, Self::P99, Self::P999];

    /// The percentile's name, as in a recipe and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p999",
        }
    }

    /// The percentile as a share from 0 to 1.
    pub const fn quantile(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P95 => 0.95,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
        }
    }
}

/// What an objective is about: a percentile of a metric, written `ttft_p99`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SloTarget {
    /// The metric.
    pub metric: Metric,
    /// The percentile of it.
    pub percentile: Percentile,
}

/// A text that names no objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no objective: write a metric (ttft, itl, tpot, e2e) and a percentile (p50, p90, p95, p99, p999), as in ttft_p99"
)]
pub struct InvalidSloTarget(String);

impl SloTarget {
    /// Every objective that can be named.
    pub fn all() -> impl Iterator<Item = Self> {
        Metric::ALL.into_iter().flat_map(|metric| {
            Percentile::ALL
                .into_iter()
                .map(move |percentile| Self { metric, percentile })
        })
    }
}

impl fmt::Display for SloTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.metric.as_str(), self.percentile.as_str())
    }
}

impl FromStr for SloTarget {
    type Err = InvalidSloTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (metric, percentile) = text
            .split_once('_')
            .ok_or_else(|| InvalidSloTarget(text.to_owned()))?;
        let metric = Metric::ALL.into_iter().find(|m| m.as_str() == metric);
        let percentile = Percentile::ALL.into_iter().find(|p| p.as_str() == percentile);
        match (metric, percentile) {
            (Some(metric), Some(percentile)) => Ok(Self { metric, percentile }),
            _ => Err(InvalidSloTarget(text.to_owned())),
        }
    }
}

impl TryFrom<String> for SloTarget {
    type Error = InvalidSloTarget;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SloTarget> for String {
    fn from(target: SloTarget) -> Self {
        target.to_string()
    }
}

/// Service level objectives over all requests of a trial: a limit for each named percentile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slo(pub BTreeMap<SloTarget, Duration>);

impl JsonSchema for Slo {
    fn schema_name() -> Cow<'static, str> {
        "Slo".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<Duration>();
        let properties: serde_json::Map<String, serde_json::Value> = SloTarget::all()
            .map(|target| (target.to_string(), duration.clone().to_value()))
            .collect();
        json_schema!({
            "description": "Objectives over all requests of a trial: a limit for a percentile of a metric.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_read_back() {
        assert_eq!(SloTarget::all().count(), 20);
        for target in SloTarget::all() {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        for text in ["", "ttft", "ttft_", "ttft_p98", "_p99", "ttft-p99", "TTFT_p99"] {
            assert!(text.parse::<SloTarget>().is_err(), "{text:?}");
        }
    }
}
