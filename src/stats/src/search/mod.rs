//! The search for the highest load under which a service keeps its objectives.
//!
//! A level of load is judged by bounds of the share of requests that break an objective; each of a search's trials takes an
//! equal part of a probability of 5 % to be wrong. It passes if the upper bound of every objective is within what the
//! objective's percentile leaves, fails if the lower bound of one is beyond, and is measured again otherwise, three times at
//! most; what is undecided then counts as a failure.
//!
//! ```text
//! from, 2·from, 4·from, … ── first failure ──► one look above it ──► bisection to 5 % ──► confirmation ──► answer
//!        └─ to passes ──► confirmation ──► all_pass                                └─ fails ──► 5 % lower, and so on
//! ```

mod evidence;
mod judge;
mod level;
mod procedure;
#[cfg(test)]
mod tests;

pub use evidence::{QueueTrend, SloEvidence, Violations};
pub use judge::{Judged, JudgedObjective, Judgement};
pub use level::{Level, Levels};
pub use procedure::{Ending, Next, Outcome, Purpose, Round, Search, Tried};
