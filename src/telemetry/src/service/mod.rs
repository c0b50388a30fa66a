//! What a service says of itself, under one set of names.

mod difference;
mod names;
mod reading;
mod samples;

#[cfg(test)]
mod tests;

pub use difference::{Difference, difference};
pub use names::Dialect;
pub use reading::{Reading, read};
pub use samples::samples;
