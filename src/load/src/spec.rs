//! What a client is asked to do.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::share::ClientShare;
use crate::tls::Trust;

/// One trial's load, as one client has to produce it.
///
/// Every client of a trial gets the same specification but for `node`, `request_prefix`, `client` and `scratch`:
/// rates, concurrency and numbers of requests are totals over all clients, of which each takes its exact share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadSpec {
    /// Token of this client's node; written into its records.
    pub node: String,
    /// What request ids begin with: a hyphen and the request's number follow. Unique per client and attempt.
    pub request_prefix: String,
    /// Which of the trial's clients this is.
    pub client: ClientShare,
    /// How many of the trial's clients run on this one's host, itself among them: they share its ports.
    #[serde(default = "sole")]
    pub clients_on_host: u32,
    /// Where requests go, in turn.
    pub endpoints: Vec<Endpoint>,
    /// Name of the model, as the service knows it.
    pub model: String,
    /// Language of requests and responses.
    pub dialect: Dialect,
    /// Whether to ask for a stream.
    pub stream: bool,
    /// When requests are sent.
    pub shape: Shape,
    /// Time from the start of the load to the measured window.
    pub warmup: Duration,
    /// How long the measured window lasts, and how the trial ends after it.
    pub length: Length,
    /// Longest time from a request's dispatch to its end.
    pub timeout: Duration,
    /// Whether requests share connections.
    #[serde(default)]
    pub connections: Connections,
    /// What is asked.
    pub prompts: Prompts,
    /// How the service is to choose tokens.
    pub sampling: Sampling,
    /// Whether records keep the texts of answers.
    #[serde(default)]
    pub keep_text: bool,
    /// Seed of prompts and schedule. Trials that shall not find each other's prompts in a cache need seeds of their own.
    pub seed: u64,
    /// Engine threads; by default one core is left to the rest.
    pub threads: Option<NonZeroU16>,
    /// Whether each engine thread has a processor core of its own.
    #[serde(default)]
    pub pin: Pin,
    /// Whether the cores that the threads may run on are kept from sleeping.
    #[serde(default)]
    pub keep_awake: bool,
    /// Existing directory for the files of records, one per engine thread.
    pub scratch: PathBuf,
}

const fn sole() -> u32 {
    1
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Address to connect to.
    pub address: SocketAddr,
    /// Value of the `Host` header.
    pub host: String,
    /// What the dialect's own path is appended to, such as `/openai`; empty for none. A `/v1` at its end is not
    /// repeated.
    #[serde(default)]
    pub base_path: String,
    /// Which of the client's secrets is sent as `Authorization: Bearer`.
    #[serde(default)]
    pub key: Option<usize>,
    /// How TLS is spoken; none: it is not.
    #[serde(default)]
    pub tls: Option<Tls>,
}

/// How TLS is spoken with a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The name or address that the server has to prove, without brackets and port.
    pub server_name: String,
    /// Whom to trust.
    #[serde(default)]
    pub trust: Trust,
}

/// The language of requests and responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// OpenAI's `/v1/chat/completions`.
    Chat,
    /// OpenAI's `/v1/completions`.
    Completions,
    /// Ollama's `/api/generate`.
    Generate,
    /// Ollama's `/api/chat`.
    OllamaChat,
}

/// Whether requests share connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Connections {
    /// A connection carries one request after the other, as long as the server keeps it.
    Reuse {
        /// Age from which on a connection gets no further request.
        max_age: Option<Duration>,
    },
    /// Each request has a connection of its own.
    Fresh,
}

impl Default for Connections {
    fn default() -> Self {
        Self::Reuse { max_age: None }
    }
}

/// Whether each engine thread has a processor core of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pin {
    /// Where this process may use only some of the machine's cores, and more of them than there are threads.
    #[default]
    Auto,
    /// Wherever there are as many cores as threads.
    Always,
    /// Threads run where the system likes.
    Never,
}

/// One arrival of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRequest {
    /// Nanoseconds since the trace's start; never less than the arrival's before.
    pub at: u64,
    /// Tokens of the prompt; none: as the prompts say.
    pub input_tokens: Option<u32>,
    /// Tokens to generate; none: as the prompts say.
    pub output_tokens: Option<u32>,
    /// Names of the prompt's blocks of text: the same name stands for the same text.
    pub blocks: Box<[u64]>,
}

/// When requests are sent. Numbers are totals over all clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// So many users; each sends its next request when the last one has ended. All begin at the start of the load;
    /// connections are opened some dozens at a time, with answers read in between.
    Closed {
        /// Number of users.
        concurrency: u32,
        /// A user's pause between two requests.
        #[serde(default)]
        think_time: Duration,
        /// Requests of a conversation, each of which carries what was asked and answered before it.
        #[serde(default = "one")]
        turns: NonZeroU16,
    },
    /// Evenly spaced arrivals.
    Constant {
        /// Arrivals per second.
        rate: f64,
        /// Most requests in flight; arrivals beyond wait.
        max_in_flight: u32,
    },
    /// A Poisson process.
    Poisson {
        /// Arrivals per second, on average.
        rate: f64,
        /// Most requests in flight; arrivals beyond wait.
        max_in_flight: u32,
    },
    /// Gamma-distributed gaps: burstier than Poisson below a burstiness of 1, more even above.
    Gamma {
        /// Arrivals per second, on average.
        rate: f64,
        /// Shape parameter of the gaps' distribution; their squared coefficient of variation is its inverse.
        burstiness: f64,
        /// Most requests in flight; arrivals beyond wait.
        max_in_flight: u32,
    },
    /// Evenly spaced arrivals at a rate that changes linearly, and then stays.
    Ramp {
        /// Arrivals per second at the start of the load.
        from: f64,
        /// Arrivals per second at the end of the ramp, and after it.
        to: f64,
        /// Length of the ramp.
        over: Duration,
        /// Most requests in flight; arrivals beyond wait.
        max_in_flight: u32,
    },
    /// Recorded arrivals.
    Trace {
        /// The arrivals, in order; the start of the trace is the start of the load.
        requests: Arc<[TraceRequest]>,
        /// Tokens of a block of text.
        block_tokens: u32,
        /// How much faster than recorded they come.
        speed: f64,
        /// Most requests in flight; arrivals beyond wait.
        max_in_flight: u32,
    },
}

const fn one() -> NonZeroU16 {
    NonZeroU16::MIN
}

/// How long the measured window lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Length {
    /// A fixed time.
    Duration {
        /// T2 − T1.
        duration: Duration,
        /// What happens between T2 and the end of the last measured request.
        cooldown: Cooldown,
    },
    /// So many requests after the warm-up, over all clients, and none more; the window ends with the last send.
    Requests(u64),
}

/// What happens between T2 and the end of the last measured request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cooldown {
    /// The load goes on until the measured requests have ended, at most for the timeout; the rest is cancelled.
    #[default]
    Load,
    /// Nothing more is sent.
    Drain,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompts {
    /// Where the prompts come from.
    pub source: PromptSource,
    /// Tokens to generate, per request.
    pub output_tokens: TokenCount,
    /// Whether each request carries some words of its own against accidental hits in a prefix cache.
    #[serde(default = "yes")]
    pub nonce: bool,
    /// The model's `tokenizer.json`: with it numbers of input tokens are exact.
    #[serde(default)]
    pub tokenizer: Option<PathBuf>,
}

const fn yes() -> bool {
    true
}

/// Where prompts come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PromptSource {
    /// Random words.
    Synthetic {
        /// Tokens of a prompt's text, shared prefix and nonce included; without a tokenizer an estimate, one a word.
        input_tokens: TokenCount,
        /// Tokens that all prompts begin with.
        #[serde(default)]
        shared_prefix_tokens: u32,
    },
    /// The prompts of a file, used in turn, from the start again after the end.
    File {
        /// The file.
        path: PathBuf,
        /// Its layout.
        #[serde(default)]
        format: FileFormat,
        /// Whether prompts without a nonce begin with some words of the trial's, against hits that a former trial has
        /// left in a prefix cache.
        #[serde(default)]
        salt: bool,
    },
}

/// The layout of a file of prompts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// JSON Lines, each `{"prompt": "…"}` or `{"messages": […]}`, and `"output_tokens": 7` where the workload's number
    /// does not hold.
    #[default]
    JsonLines,
    /// An array, or JSON Lines, of conversations as in the ShareGPT data set. Each gives its first question; with a
    /// tokenizer, the tokens to generate are those of the answer.
    Sharegpt,
}

/// A number of tokens, or how to draw one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TokenCount {
    /// Always the same.
    Fixed(u32),
    /// Normally distributed, drawn again until it lies within the bounds.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        stddev: f64,
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// One of several values.
    Weighted {
        /// The values.
        values: Vec<u32>,
        /// Their weights, as many as values.
        weights: Vec<f64>,
    },
}

/// How the service is to choose tokens. What is `None` is not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Temperature.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// The service's own random seed.
    #[serde(default)]
    pub seed: Option<i64>,
    /// Whether to generate beyond the end-of-sequence token, which gives outputs a known length (vLLM, llama.cpp).
    #[serde(default)]
    pub ignore_eos: bool,
}

impl Dialect {
    /// Path of the requests.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Generate => "/api/generate",
            Self::OllamaChat => "/api/chat",
        }
    }

    /// Whether prompts are lists of messages.
    pub const fn takes_messages(self) -> bool {
        matches!(self, Self::Chat | Self::OllamaChat)
    }
}

impl Endpoint {
    /// The path that requests of `dialect` ask for.
    pub fn target(&self, dialect: Dialect) -> String {
        let base = self.base_path.trim_end_matches('/');
        let path = dialect.path();
        let base = if path.starts_with("/v1/") {
            base.strip_suffix("/v1").unwrap_or(base)
        } else {
            base
        };
        format!("{base}{path}")
    }
}

impl Shape {
    /// Most requests of all clients that can be in flight at once.
    pub const fn max_in_flight(&self) -> u32 {
        match *self {
            Self::Closed { concurrency, .. } => concurrency,
            Self::Constant { max_in_flight, .. }
            | Self::Poisson { max_in_flight, .. }
            | Self::Gamma { max_in_flight, .. }
            | Self::Ramp { max_in_flight, .. }
            | Self::Trace { max_in_flight, .. } => max_in_flight,
        }
    }

    /// Requests of a conversation, where users hold conversations.
    pub(crate) const fn turns(&self) -> Option<NonZeroU16> {
        match *self {
            Self::Closed { turns, .. } if turns.get() > 1 => Some(turns),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base_path: &str) -> Endpoint {
        Endpoint {
            address: ([127, 0, 0, 1], 80).into(),
            host: "h".into(),
            base_path: base_path.into(),
            key: None,
            tls: None,
        }
    }

    #[test]
    fn version_in_the_base_path_is_not_repeated() {
        for base in ["", "/", "/v1", "/v1/"] {
            assert_eq!(endpoint(base).target(Dialect::Chat), "/v1/chat/completions");
        }
        assert_eq!(
            endpoint("/x/v1").target(Dialect::Completions),
            "/x/v1/completions"
        );
        assert_eq!(endpoint("/v1").target(Dialect::Generate), "/v1/api/generate");
    }

    #[test]
    fn token_counts_read_as_in_a_recipe() {
        let read = |text| serde_json::from_str::<TokenCount>(text).unwrap();
        assert_eq!(read("7"), TokenCount::Fixed(7));
        assert!(matches!(
            read(r#"{"mean": 5, "stddev": 1, "min": 1, "max": 9}"#),
            TokenCount::Normal { .. }
        ));
        assert!(matches!(
            read(r#"{"values": [1], "weights": [2]}"#),
            TokenCount::Weighted { .. }
        ));
    }
}
