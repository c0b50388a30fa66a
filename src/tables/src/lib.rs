//! Records and samples as Parquet. Of records, one row a request, one list entry an event of its stream; of samples, one row a
//! value.
//!
//! This is the only crate that knows Arrow and Parquet.

mod columns;
mod error;
mod hashing;
mod meta;
mod partial;
mod read;
mod samples;
mod write;

#[cfg(test)]
mod tests;

pub use error::TableError;
pub use meta::RecordsMeta;
pub use partial::Written;
pub use read::RecordsReader;
pub use samples::{SampleRow, SamplesMeta, SamplesWriter};
pub use write::RecordsWriter;
