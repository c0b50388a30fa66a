//! Ids, events, commands, effects and the run's state machine: pure functions over data.
//!
//! ```text
//! decide(&State, Command, Now) -> Result<Vec<Decided>, Rejection>
//! evolve(State, &Event)        -> State
//! effects(&State, &Event)      -> Vec<Effect>
//! upcast(RawEvent)             -> Event
//! ```
//!
//! No IO, no clock, no randomness: time and randomness arrive as data.

mod command;
mod decide;
mod effects;
pub mod event;
mod evolve;
mod ids;
pub mod limits;
pub mod message;
mod outline;
pub mod state;
mod time;

pub use command::{Command, Measured, Rejection, Submission, Submitted};
pub use decide::{Decided, LedBy, decide};
pub use effects::{Effect, effects};
pub use event::upcast;
pub use evolve::evolve;
pub use hpcbench_recipes::recipe::LogCategory;
pub use hpcbench_recipes::{NodeId, Role, RunId, TrialId};
pub use ids::{Actor, Attempt, Epoch, InstanceId, Phase, Seq};
pub use outline::{JobPolicy, Outline, SearchOutline, ServiceOutline, TrialOutline, outfit_seconds};
pub use state::State;
pub use time::{InvalidTimestamp, Timestamp};
