//! Ids, events, commands, effects and the run's state machine: pure functions over data.
//!
//! No IO, no clock, no randomness: time and randomness arrive as data.

pub mod event;
mod ids;
mod time;

pub use hpcbench_recipes::{NodeId, Role, RunId, TrialId};
pub use ids::{Attempt, Epoch, Seq};
pub use time::{InvalidTimestamp, Timestamp};
