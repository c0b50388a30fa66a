//! One request's raw measurements, and the appendable block files that hold them while a trial runs.
//!
//! The columns are those of the record schema (version [`SCHEMA_VERSION`]): every time is kept raw, so that any
//! definition of a metric can be recomputed later.

mod blocks;
mod record;
mod stamps;

pub use blocks::{
    BlockReader, BlockWriter, MAX_RECORD_BYTES, ReadError, TARGET_BLOCK_BYTES, TornTail, WriteError, Written,
};
pub use record::{
    ErrorKind, EventKind, Phase, Record, Status, StreamEvents, Times, TokenUsage, TokensSource,
};
pub use stamps::StampSource;

/// Version of the record schema; written into every file that holds records.
pub const SCHEMA_VERSION: u32 = 1;
