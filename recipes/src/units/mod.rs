//! Quantities as a recipe writes them: durations, sizes, rates.

mod duration;
mod rate;
mod size;

pub use duration::{Duration, InvalidDuration};
pub use rate::{InvalidRate, Rate};
pub use size::{InvalidSize, Size};
