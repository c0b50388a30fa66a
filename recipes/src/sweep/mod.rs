//! The sweep: which points there are, and in which order they are measured.

mod axes;
mod order;
mod points;
mod search;

pub(crate) use axes::Space;
pub(crate) use order::arrange;
pub(crate) use points::Point;
pub(crate) use search::number;

/// Most trials of one run.
pub const MAX_TRIALS: usize = 10_000;

/// Most combinations that are looked at before exclusions.
pub const MAX_COMBINATIONS: usize = 100_000;
