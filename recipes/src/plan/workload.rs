//! A trial's load, fully explicit.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

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

/// What ends the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// A length of time.
    Duration(Duration),
    /// A number of requests.
    Requests(NonZeroU64),
}
