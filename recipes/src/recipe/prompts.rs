//! Where prompts come from, and how long they and their answers are.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens of an answer when a prompt file does not say.
const DEFAULT_OUTPUT_TOKENS: u32 = 128;

/// Where prompts come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "source", rename_all = "snake_case", deny_unknown_fields)]
pub enum Prompts {
    /// Generated text of a given length.
    Synthetic {
        /// Tokens of the prompt.
        input_tokens: TokenCount,
        /// Tokens of the answer: the request's limit.
        output_tokens: TokenCount,
        /// Tokens at the start that all prompts have in common.
        #[serde(default)]
        #[schemars(range(max = 10_000_000))]
        shared_prefix_tokens: u32,
        /// The model's `tokenizer.json`. With it each prompt's text has exactly its number of tokens; what a server
        /// adds, such as a chat template or a beginning-of-sequence token, comes on top. Without it the number is an
        /// estimate: common English words, one a token.
        #[serde(default)]
        #[schemars(length(min = 1))]
        tokenizer: Option<String>,
        /// Whether each prompt has some words of its own, after the common beginning, that no other of the trial
        /// has, so that no request finds its prompt in the service's prefix cache by accident.
        #[serde(default = "yes")]
        nonce: bool,
    },
    /// Prompts of a file.
    File {
        /// The file.
        #[schemars(length(min = 1))]
        path: String,
        /// The file's layout.
        #[serde(default)]
        format: FileFormat,
        /// Tokens of the answer, for prompts that do not say.
        #[serde(default = "default_output_tokens")]
        output_tokens: TokenCount,
        /// The model's `tokenizer.json`. With it the records say how many tokens each prompt's texts have, and answers
        /// are as long as those of a ShareGPT file.
        #[serde(default)]
        #[schemars(length(min = 1))]
        tokenizer: Option<String>,
        /// Whether each prompt begins with some words that no other of the trial has. Else a service's prefix cache may
        /// know those that are used again in a trial, and what the file's prompts have in common.
        #[serde(default)]
        nonce: bool,
        /// Whether each prompt begins with some words of the trial's own, the same for all of them, so that the prefix
        /// cache knows none from a former trial. With `nonce` that is so anyway. With neither, a file's prompts are sent
        /// as they are.
        #[serde(default = "yes")]
        salt: bool,
    },
}

fn yes() -> bool {
    true
}

fn default_output_tokens() -> TokenCount {
    TokenCount::Fixed(DEFAULT_OUTPUT_TOKENS)
}

/// The layout of a prompt file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// One JSON object a line: `{"prompt": "…", "output_tokens": 128}`, or `messages` instead of `prompt`.
    #[default]
    JsonLines,
    /// One JSON array of conversations, as in the ShareGPT data set, or one conversation a line. Each gives one prompt:
    /// its first question, with what the system said before it. Conversations that begin otherwise are left out.
    Sharegpt,
}

/// A number of tokens: the same for every request, or drawn for each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TokenCount {
    /// The same for every request.
    Fixed(#[schemars(range(max = 10_000_000))] u32),
    /// Drawn from a normal distribution, cut at `min` and `max`.
    Normal(NormalCount),
    /// Drawn from a list.
    Choice(ChoiceCount),
}

/// Drawn from a normal distribution, cut at `min` and `max`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NormalCount {
    /// The mean.
    #[schemars(range(min = 1.0, max = 10_000_000.0))]
    pub mean: f64,
    /// The standard deviation.
    #[schemars(range(min = 0.0, max = 10_000_000.0))]
    pub stddev: f64,
    /// The smallest number.
    #[serde(default = "default_min")]
    pub min: NonZeroU32,
    /// The largest number.
    #[schemars(range(max = 10_000_000))]
    pub max: NonZeroU32,
}

/// Drawn from a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoiceCount {
    /// The numbers.
    #[schemars(length(min = 1, max = 1000))]
    pub values: Vec<NonZeroU32>,
    /// How often each is drawn, relative to the others; none: equally often.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub weights: Vec<f64>,
}

fn default_min() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl Prompts {
    /// The tokenizer's file.
    pub fn tokenizer(&self) -> Option<&str> {
        let (Self::Synthetic { tokenizer, .. } | Self::File { tokenizer, .. }) = self;
        tokenizer.as_deref()
    }
}

impl TokenCount {
    /// The largest number that can be drawn.
    pub fn largest(&self) -> u32 {
        match self {
            Self::Fixed(count) => *count,
            Self::Normal(normal) => normal.max.get(),
            Self::Choice(choice) => choice.values.iter().map(|value| value.get()).max().unwrap_or(0),
        }
    }

    /// The smallest number that can be drawn.
    pub fn smallest(&self) -> u32 {
        match self {
            Self::Fixed(count) => *count,
            Self::Normal(normal) => normal.min.get(),
            Self::Choice(choice) => choice.values.iter().map(|value| value.get()).min().unwrap_or(0),
        }
    }

    /// The number, if it is the same for every request.
    pub const fn fixed(&self) -> Option<u32> {
        match self {
            Self::Fixed(count) => Some(*count),
            _ => None,
        }
    }
}
