//! Records as Parquet: one row a request, one list entry an event of its stream.
//!
//! This is the only crate that knows Arrow and Parquet.

mod columns;
mod error;
mod hashing;
mod meta;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use error::TableError;
pub use meta::RecordsMeta;
pub use read::RecordsReader;
pub use write::{RecordsWriter, Written};
