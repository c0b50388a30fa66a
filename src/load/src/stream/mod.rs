//! Cutting a stream into its events: server-sent events, or lines of JSON.

mod ndjson;
mod sse;

pub(crate) use ndjson::Ndjson;
pub(crate) use sse::Sse;

/// Largest event of a stream, in bytes.
pub(crate) const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// One event as it was cut out of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// An event's data.
    Data(&'a [u8]),
    /// A comment of server-sent events, which keeps a connection alive.
    Comment,
}
