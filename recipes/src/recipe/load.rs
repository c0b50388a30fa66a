//! Load shapes: who decides when a request is sent.

use std::num::{NonZeroU16, NonZeroU32};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Duration, Rate};

/// Requests that an open shape keeps in flight at most, unless the recipe says otherwise.
const DEFAULT_MAX_IN_FLIGHT: u32 = 10_000;

/// Tokens of a block in Mooncake's traces.
const DEFAULT_BLOCK_TOKENS: u32 = 512;

/// When requests are sent. Numbers are totals over all client nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "shape", rename_all = "snake_case", deny_unknown_fields)]
pub enum Load {
    /// Closed loop: each client sends its next request when the former one has ended.
    Closed {
        /// How many clients there are, so how many requests are in flight at once.
        #[schemars(range(min = 1, max = 1_000_000))]
        concurrency: NonZeroU32,
        /// How long a client waits between two requests.
        #[serde(default)]
        think_time: Duration,
        /// Requests of a conversation: each carries all that was asked and answered before it in its conversation,
        /// and a prompt of its own at the end. A conversation ends early when a request fails.
        #[serde(default = "one_turn")]
        #[schemars(range(min = 1, max = 1000))]
        turns: NonZeroU16,
    },
    /// Open loop with equal gaps between arrivals.
    Constant {
        /// Arrivals a second.
        rate: Rate,
        /// Requests in flight at most; arrivals beyond it wait, and that is measured.
        #[serde(default = "default_max_in_flight")]
        max_in_flight: NonZeroU32,
    },
    /// Open loop with exponentially distributed gaps: independent users.
    Poisson {
        /// Arrivals a second, on average.
        rate: Rate,
        /// Requests in flight at most; arrivals beyond it wait, and that is measured.
        #[serde(default = "default_max_in_flight")]
        max_in_flight: NonZeroU32,
    },
    /// Open loop with gamma distributed gaps.
    Gamma {
        /// Arrivals a second, on average.
        rate: Rate,
        /// Shape of the gaps' distribution: 1 is Poisson, below 1 is burstier, above 1 is more even.
        #[serde(default = "default_burstiness")]
        #[schemars(range(min = 0.01, max = 1000.0))]
        burstiness: f64,
        /// Requests in flight at most; arrivals beyond it wait, and that is measured.
        #[serde(default = "default_max_in_flight")]
        max_in_flight: NonZeroU32,
    },
    /// Open loop whose rate rises or falls evenly, then stays.
    Ramp {
        /// Arrivals a second at the start.
        from: Rate,
        /// Arrivals a second at the end.
        to: Rate,
        /// How long the way from one to the other takes.
        over: Duration,
        /// Requests in flight at most; arrivals beyond it wait, and that is measured.
        #[serde(default = "default_max_in_flight")]
        max_in_flight: NonZeroU32,
    },
    /// Open loop that replays recorded arrivals.
    Trace {
        /// The file with the arrivals: JSON Lines in the order of their `timestamp`, the first of which is the start of
        /// the load. With synthetic prompts, `input_length`, `output_length` and `hash_ids` of a line, where it has
        /// them, stand for the prompt's own numbers of tokens, and prompts with the same ids begin with the same text.
        #[schemars(length(min = 1))]
        path: String,
        /// What the time stamps count.
        #[serde(default)]
        timestamps: Timestamps,
        /// Tokens of a block of text that one of the `hash_ids` stands for.
        #[serde(default = "default_block_tokens")]
        #[schemars(range(min = 8, max = 65536))]
        block_tokens: NonZeroU32,
        /// How much faster than recorded it is replayed.
        #[serde(default = "default_speed")]
        #[schemars(range(min = 0.001, max = 1000.0))]
        speed: f64,
        /// Requests in flight at most; arrivals beyond it wait, and that is measured.
        #[serde(default = "default_max_in_flight")]
        max_in_flight: NonZeroU32,
    },
}

/// What the time stamps of a trace count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Timestamps {
    /// Milliseconds if all are whole numbers, as in Mooncake's traces; seconds if all have a decimal point.
    #[default]
    Auto,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

impl Load {
    /// The shape's name, as in a recipe.
    pub const fn shape(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Constant { .. } => "constant",
            Self::Poisson { .. } => "poisson",
            Self::Gamma { .. } => "gamma",
            Self::Ramp { .. } => "ramp",
            Self::Trace { .. } => "trace",
        }
    }

    /// Requests that may be in flight at once.
    pub const fn max_in_flight(&self) -> NonZeroU32 {
        match self {
            Self::Closed { concurrency, .. } => *concurrency,
            Self::Constant { max_in_flight, .. }
            | Self::Poisson { max_in_flight, .. }
            | Self::Gamma { max_in_flight, .. }
            | Self::Ramp { max_in_flight, .. }
            | Self::Trace { max_in_flight, .. } => *max_in_flight,
        }
    }
}

fn default_max_in_flight() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(DEFAULT_MAX_IN_FLIGHT - 1)
}

fn one_turn() -> NonZeroU16 {
    NonZeroU16::MIN
}

fn default_block_tokens() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(DEFAULT_BLOCK_TOKENS - 1)
}

fn default_burstiness() -> f64 {
    1.0
}

fn default_speed() -> f64 {
    1.0
}
