//! Events of a search.

use hpcbench_stats::search::{Ending, Level, Purpose};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::TrialId;

/// Data of `trial.planned`: a search found out that it needs this trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialPlanned {
    /// Which trial.
    pub trial: TrialId,
    /// The searched parameter: path in the recipe → value.
    pub parameters: Map<String, Value>,
    /// The level of load.
    pub level: Level,
    /// How many trials the level has had with this one.
    pub repetition: u32,
    /// Why the level is tried.
    pub purpose: Purpose,
    /// What decided it, in words.
    pub because: String,
}

/// Data of `search.ended`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchEnded {
    /// How.
    #[serde(flatten)]
    pub ending: Ending,
}
