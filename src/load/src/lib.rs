//! The load engine: arrivals, connections, kernel time stamps, stream parsers, records.
mod dialect;
mod fault;
mod http;
mod prompts;
mod response;
mod schedule;
mod secret;
mod share;
mod spec;
mod stream;

pub use prompts::PromptError;
pub use schedule::{Arrivals, MAX_RATE, ShapeError};
pub use secret::Secret;
pub use share::ClientShare;
pub use spec::{
    Cooldown, Dialect, Endpoint, Length, LoadSpec, PromptSource, Prompts, Sampling, Shape, TokenCount,
};
