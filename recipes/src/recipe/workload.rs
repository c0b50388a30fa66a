//! The load that is put on the service.

use std::fmt;
use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Connections, Engine, Goodput, Load, Prompts, Slo, Tolerance};
use crate::units::Duration;

/// The load that is put on the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The API that requests use.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// Whether an answer comes as it is made. Without, it comes as a whole: then nothing is known of its first token and of
    /// the time between tokens.
    #[serde(default = "default_stream")]
    pub stream: bool,
    /// When requests are sent.
    pub load: Load,
    /// How long the load runs before measuring begins.
    #[serde(default)]
    pub warmup: Duration,
    /// Length of the measured window, after the warm-up. Either this or `requests`.
    #[serde(default)]
    pub duration: Option<Duration>,
    /// Requests in the measured window, after the warm-up. Either this or `duration`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests: Option<NonZeroU64>,
    /// What happens after the window; by default `load` with a duration and `drain` with a number of requests.
    #[serde(default)]
    pub cooldown: Option<Cooldown>,
    /// Longest time a request may take.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// Whether requests share connections.
    #[serde(default)]
    pub connections: Connections,
    /// The threads that make the load, on each client node.
    #[serde(default)]
    pub engine: Engine,
    /// Failures that still allow a verdict other than `invalid`.
    #[serde(default)]
    pub tolerance: Tolerance,
    /// Where prompts come from, and how long they and their answers are.
    pub prompts: Prompts,
    /// How the service chooses tokens.
    #[serde(default)]
    pub sampling: Sampling,
    /// Whether the records keep the texts of answers. With the prompts' `tokenizer` their tokens are counted too, after the trial.
    #[serde(default)]
    pub keep_text: bool,
    /// Objectives over all requests of a trial.
    #[serde(default)]
    pub slo: Slo,
    /// Limits that a request must keep to count as good.
    #[serde(default)]
    pub goodput: Goodput,
}

pub(crate) const fn default_stream() -> bool {
    true
}

fn default_timeout() -> Duration {
    Duration::from_secs(120)
}

/// The API that requests use.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// OpenAI's chat completions.
    #[default]
    Chat,
    /// OpenAI's completions.
    Completions,
    /// Ollama's own generate.
    Generate,
    /// Ollama's own chat.
    OllamaChat,
}

impl Endpoint {
    /// The endpoint's name, as in a recipe.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Generate => "generate",
            Self::OllamaChat => "ollama-chat",
        }
    }

    /// Whether a request can say that its answer is to go on past an end-of-sequence token. Ollama's own API has no word
    /// for it.
    pub const fn takes_ignore_eos(self) -> bool {
        matches!(self, Self::Chat | Self::Completions)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happens after the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cooldown {
    /// The load stays up until every measured request has ended; the extra requests are then cancelled.
    Load,
    /// No more requests are sent; those in flight end.
    Drain,
}

/// How the service chooses tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// The temperature; 0 is greedy.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub temperature: f64,
    /// The seed that requests carry; none: no seed is sent.
    pub seed: Option<u32>,
    /// Whether the answer goes on to its full length, past an end-of-sequence token. Ollama's own API (`generate` and
    /// `ollama-chat`) cannot be asked to: whatever is said here, its answers may end early.
    pub ignore_eos: bool,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            seed: None,
            ignore_eos: true,
        }
    }
}
