//! The record: everything that was measured about one request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One request's raw measurements. All times are nanoseconds on the node's monotonic clock, relative to the
/// trial's T0; `None` means that it did not happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Unique within the run; also sent as `X-Request-Id`.
    pub request_id: String,
    /// Position in the order of dispatch on this client.
    pub seq: u64,
    /// Token of the node that sent the request.
    pub node: String,
    /// Index of the engine thread that carried it.
    pub thread: u16,
    /// Index of the endpoint in the trial's list.
    pub endpoint: u16,
    /// Conversation, for multi-turn loads.
    pub conversation: Option<u64>,
    /// Turn within the conversation, from 0.
    pub turn: u16,
    /// Which prompt was sent.
    pub prompt_id: u64,
    /// Where in the trial the request belongs.
    pub phase: Phase,
    /// Whether the request is one of those that the trial's percentiles are made of.
    pub cohort: bool,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// When things happened.
    pub times: Times,
    /// Connection that carried the request; unique within the client.
    pub conn_id: u64,
    /// Whether that connection had carried a request before.
    pub conn_reused: bool,
    /// How often the request was moved to a fresh connection before the kernel had accepted a byte of it.
    pub retries: u8,
    /// How it ended.
    pub status: Status,
    /// What went wrong, when `status` is [`Status::Error`] or [`Status::Timeout`].
    pub error_kind: Option<ErrorKind>,
    /// The server's or the system's own words, shortened.
    pub error_text: Option<String>,
    /// HTTP status code, when one was read.
    pub http_status: Option<u16>,
    /// The server's finish reason.
    pub finish_reason: Option<String>,
    /// Tokens, planned and counted.
    pub tokens: TokenUsage,
    /// Request bytes that the kernel accepted.
    pub bytes_sent: u64,
    /// Response bytes read, headers included.
    pub bytes_received: u64,
    /// Durations that the server reported about itself, nanoseconds by name.
    pub server_ns: BTreeMap<String, u64>,
    /// The generated text, only where the recipe asked for it.
    pub output_text: Option<String>,
    /// Every event of the stream.
    pub events: StreamEvents,
}

/// When things happened to a request: nanoseconds on the node's monotonic clock since the trial's T0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The schedule's time for the request.
    pub intended: i64,
    /// The request begins, before connecting.
    pub dispatch: Option<i64>,
    /// Connecting began; `None` on a reused connection.
    pub connect_start: Option<i64>,
    /// The TCP connection stands.
    pub connect_end: Option<i64>,
    /// The TLS handshake is done.
    pub tls_end: Option<i64>,
    /// Before the first send call.
    pub send_start: Option<i64>,
    /// Immediately before the call that accepted the request's last byte.
    pub sent: Option<i64>,
    /// After that call.
    pub send_done: Option<i64>,
    /// Arrival of the read that completed the response's headers.
    pub headers: Option<i64>,
    /// Arrival of the first token-carrying chunk.
    pub first: Option<i64>,
    /// Arrival of the first token-carrying chunk that is no reasoning.
    pub first_nonreasoning: Option<i64>,
    /// Arrival of the last token-carrying chunk.
    pub last: Option<i64>,
    /// The response is finished, or was given up.
    pub end: Option<i64>,
}

/// Tokens that were planned, and what was counted of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Input tokens that the workload asked for: those of the prompt's text, exact if the file's metadata name a
    /// tokenizer, else an estimate. What a server adds, such as a chat template, is not in them, and of a conversation's
    /// earlier turns the server's own counts are.
    pub input_planned: Option<u32>,
    /// Input tokens that the server counted.
    pub input_usage: Option<u32>,
    /// Input tokens that the server found in a cache.
    pub cached_input: Option<u32>,
    /// Output tokens that the workload asked for.
    pub output_planned: Option<u32>,
    /// Output tokens that the server counted.
    pub output_usage: Option<u32>,
    /// Of these, reasoning tokens.
    pub reasoning_usage: Option<u32>,
    /// Output tokens counted again by a tokenizer of our own.
    pub output_retokenized: Option<u32>,
    /// Token-carrying chunks that arrived.
    pub chunks: Option<u32>,
    /// Where the number of output tokens comes from.
    pub source: TokensSource,
}

/// Where a request's number of output tokens comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokensSource {
    /// The server's own count (`usage.completion_tokens`, `eval_count`).
    Usage,
    /// The number of token-carrying chunks, for want of a count.
    #[default]
    Chunks,
}

impl TokensSource {
    /// Every source.
    pub const ALL: &[Self] = &[Self::Usage, Self::Chunks];

    /// The name used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Chunks => "chunks",
        }
    }
}

/// Where in a trial a request belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before T1.
    Warmup,
    /// In [T1, T2).
    Window,
    /// After T2.
    Cooldown,
}

impl Phase {
    /// Every phase.
    pub const ALL: &[Self] = &[Self::Warmup, Self::Window, Self::Cooldown];

    /// The name used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warmup => "warmup",
            Self::Window => "window",
            Self::Cooldown => "cooldown",
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Complete, with tokens.
    Ok,
    /// Failed; see the error kind.
    Error,
    /// Took longer than the workload allows.
    Timeout,
    /// Stopped by us; never an error.
    Cancelled,
}

impl Status {
    /// Every way to end.
    pub const ALL: &[Self] = &[Self::Ok, Self::Error, Self::Timeout, Self::Cancelled];

    /// The name used in records and summaries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the service failed the request; one that we stopped is no failure.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Timeout)
    }
}

/// What went wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No TCP connection.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// The kernel refused to send.
    Send,
    /// A reused connection was closed under a request that had begun to be sent.
    StaleConnection,
    /// An HTTP status other than 2xx.
    HttpStatus,
    /// Time ran out before the first token.
    TimeoutFirstToken,
    /// Time ran out after the first token.
    TimeoutStream,
    /// The stream ended before it said that it was done.
    CutStream,
    /// HTTP, chunked framing, event or JSON that does not parse.
    Malformed,
    /// A line, header block or body above its limit.
    TooLarge,
    /// An error that the server reported inside a 200 response.
    Server,
    /// A 200 without any token, though tokens were asked for.
    Empty,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::Connect,
        Self::Tls,
        Self::Send,
        Self::StaleConnection,
        Self::HttpStatus,
        Self::TimeoutFirstToken,
        Self::TimeoutStream,
        Self::CutStream,
        Self::Malformed,
        Self::TooLarge,
        Self::Server,
        Self::Empty,
    ];

    /// The name used in records and summaries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::StaleConnection => "stale_connection",
            Self::HttpStatus => "http_status",
            Self::TimeoutFirstToken => "timeout_first_token",
            Self::TimeoutStream => "timeout_stream",
            Self::CutStream => "cut_stream",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Server => "server",
            Self::Empty => "empty",
        }
    }
}

/// Every event of a response's stream, as parallel lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEvents {
    /// Arrival, nanoseconds since T0.
    pub t: Vec<i64>,
    /// Time of the read in user space − arrival, nanoseconds; 0 where the time of the read stands for the arrival, because
    /// the kernel gave no usable stamp.
    pub read_lag: Vec<u64>,
    /// Width of the interval that the arrival lies in, nanoseconds; 0 if exact.
    pub uncertainty: Vec<u64>,
    /// What the event carried.
    pub kind: Vec<EventKind>,
    /// Bytes of generated text.
    pub text_bytes: Vec<u32>,
    /// Tokens, where the server counts them event by event.
    pub tokens: Vec<Option<u32>>,
}

impl StreamEvents {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.t.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.t.is_empty()
    }

    /// Forgets all events and keeps the memory.
    pub fn clear(&mut self) {
        self.t.clear();
        self.read_lag.clear();
        self.uncertainty.clear();
        self.kind.clear();
        self.text_bytes.clear();
        self.tokens.clear();
    }
}

/// What a stream event carried, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventKind(pub u16);

impl EventKind {
    /// The event has non-empty `choices` (or is an Ollama line).
    pub const CHOICES: Self = Self(1);
    /// Generated content.
    pub const CONTENT: Self = Self(2);
    /// Reasoning text.
    pub const REASONING: Self = Self(4);
    /// A tool or function call.
    pub const TOOL: Self = Self(8);
    /// A refusal.
    pub const REFUSAL: Self = Self(16);
    /// A finish reason.
    pub const FINISH: Self = Self(32);
    /// Token usage.
    pub const USAGE: Self = Self(64);
    /// The end mark (`[DONE]`, `done: true`).
    pub const DONE: Self = Self(128);
    /// An error object.
    pub const ERROR: Self = Self(256);
    /// An SSE comment.
    pub const COMMENT: Self = Self(512);

    const TOKENS: Self = Self(2 | 4 | 8 | 16);

    /// Whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both events' bits.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the event carries generated text of any sort.
    pub const fn carries_tokens(self) -> bool {
        self.0 & Self::TOKENS.0 != 0
    }
}
