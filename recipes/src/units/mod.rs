//! Quantities as a recipe writes them: durations, sizes, rates, time limits.

mod duration;
mod rate;
mod size;
mod time_limit;

pub use duration::{Duration, InvalidDuration};
pub use rate::{InvalidRate, Rate};
pub use size::{InvalidSize, Size};
pub use time_limit::{InvalidTimeLimit, TimeLimit};
