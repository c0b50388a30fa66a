//! The load engine: sends requests as a load shape demands, reads the answers as they come, and writes down when
//! everything happened.
//!
//! ```text
//! LoadSpec ── prepare ──▶ Prepared ── start ──▶ Running ── join ──▶ Outcome
//!            prompts,               engine threads,        files of records, window,
//!            files, limits          writer                 the engine's own report
//! ```
//!
//! The engine runs on threads of its own, each with one poll, its own connections and its own part of the load;
//! records go to a file per thread through a writer. What the server does wrong becomes a record, never an error.
//!
//! Layers, each knowing only those before it: [`ShapeError`]'s schedule, prompts; `stream`, `http` and `dialect` as
//! pure parsers; `response`, which makes one reader of them; `engine`, the only place with sockets and clocks.

mod awake;
mod cores;
mod dialect;
mod engine;
mod fault;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod limits;
mod outcome;
mod plan;
mod prepare;
mod prepared;
mod prompts;
mod recorded;
mod response;
mod running;
mod schedule;
mod secret;
mod share;
mod shared;
mod spec;
mod stream;
mod tls;
mod writer;

pub use awake::{Awake, wake_up_p99};
pub use hpcbench_timing::Monotonic;
pub use limits::LimitError;
pub use outcome::{BlockFile, LoadError, LoadFailure, Outcome};
pub use prepare::{PrepareError, prepare};
pub use prepared::{Prepared, Start};
pub use prompts::{PromptError, TokenCounter};
pub use running::Running;
pub use schedule::{Arrivals, MAX_RATE, MAX_SPEED, ShapeError};
pub use secret::Secret;
pub use share::ClientShare;
pub use shared::{CancelHandle, Progress, Stage};
pub use spec::{
    Connections, Cooldown, Dialect, Endpoint, FileFormat, Length, LoadSpec, Pin, PromptSource, Prompts,
    Sampling, Shape, Tls, TokenCount, TraceRequest,
};
pub use tls::{Trust, TrustError, client_config, explain, server_name};
