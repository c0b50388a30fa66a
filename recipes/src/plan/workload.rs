//! A trial's load, fully explicit.

use std::num::NonZeroU64;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::recipe::{
    Connections, Cooldown, Endpoint, Engine, Goodput, Load, Prompts, Sampling, Slo, Tolerance, default_stream,
};
use crate::units::Duration;

/// A trial's load, fully explicit; paths inside are absolute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadPlan {
    /// The API that requests use.
    pub endpoint: Endpoint,
    /// Whether an answer comes as it is made, or as a whole.
    #[serde(default = "default_stream")]
    pub stream: bool,
    /// When requests are sent.
    pub load: Load,
    /// How long the load runs before measuring begins.
    pub warmup: Duration,
    /// What ends the measured window.
    pub window: Window,
    /// What happens after the window.
    pub cooldown: Cooldown,
    /// Longest time a request may take.
    pub timeout: Duration,
    /// Whether requests share connections.
    #[serde(default)]
    pub connections: Connections,
    /// The threads that make the load, on each client node.
    #[serde(default)]
    pub engine: Engine,
    /// Failures that still allow a verdict other than `invalid`.
    pub tolerance: Tolerance,
    /// Where prompts come from.
    #[serde(deserialize_with = "planned_prompts")]
    pub prompts: Prompts,
    /// How the service chooses tokens.
    pub sampling: Sampling,
    /// Whether the records keep the texts of answers.
    #[serde(default)]
    pub keep_text: bool,
    /// Objectives over all requests of the trial.
    pub slo: Slo,
    /// Limits that a request must keep to count as good.
    pub goodput: Goodput,
}

/// A plan's prompts. Builds that knew no salt sent a file's prompts as they are, and whoever goes on with a run of theirs must not
/// change them.
fn planned_prompts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Prompts, D::Error> {
    let mut prompts = Value::deserialize(deserializer)?;
    let of_file = prompts.get("source").is_some_and(|source| source == "file");
    if let Some(members) = prompts.as_object_mut().filter(|_| of_file) {
        members.entry("salt").or_insert(Value::Bool(false));
    }
    Prompts::deserialize(prompts).map_err(D::Error::custom)
}

/// What ends the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// A length of time.
    Duration(Duration),
    /// A number of requests.
    Requests(NonZeroU64),
}
