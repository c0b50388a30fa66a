//! A search for the highest load that keeps the objectives.

use std::fmt;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Trials of a search at most, unless the recipe says otherwise.
const DEFAULT_MAX_TRIALS: u32 = 24;

/// A search for the highest load under which the service keeps `workload.slo`.
///
/// Levels of load are tried one after the other: doubled from `from` until one fails, then halved to 5 % between the highest
/// that passed and the lowest that failed. Whether a level passes is decided by bounds of the share of requests that break an
/// objective; a level that is too close to call is measured again, three times at most, and then counts as failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// What is varied. The other settings of the load are those of `workload.load`.
    pub parameter: SearchedParameter,
    /// The lowest level, which is tried first.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub from: f64,
    /// The highest level.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub to: f64,
    /// Trials at most, repetitions among them. The more there may be, the surer each judgement has to be, so that all of them
    /// are right with a probability of 95 %.
    #[serde(default = "default_max_trials")]
    #[schemars(range(min = 2, max = 200))]
    pub max_trials: NonZeroU32,
}

/// A load parameter that can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SearchedParameter {
    /// Clients of a closed load.
    #[serde(rename = "workload.load.concurrency")]
    Concurrency,
    /// Arrivals a second of an open load: `constant`, `poisson` or `gamma`.
    #[serde(rename = "workload.load.rate")]
    Rate,
}

impl SearchedParameter {
    /// The parameter's path in the recipe.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Concurrency => "workload.load.concurrency",
            Self::Rate => "workload.load.rate",
        }
    }

    /// The last part of the path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Rate => "rate",
        }
    }

    /// Whether only whole numbers are levels.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Concurrency)
    }
}

impl fmt::Display for SearchedParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

fn default_max_trials() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(DEFAULT_MAX_TRIALS - 1)
}
