//! Samples of nodes and services: a long table, one row a value.

mod meta;
mod write;

#[cfg(test)]
mod tests;

pub use meta::SamplesMeta;
pub use write::{SampleRow, SamplesWriter};
