//! The orchestrator: the only actor that holds state, a shell around the pure state machine.
//!
//! ```text
//! command ─► decide ─► events ─► journal ─► evolve ─► effects ─ ─ ─(once synced)─ ─ ─► bus, agents, files
//!    ▲                                                                                      │
//!    └────────────────────────────── reports, exits, time ◄─────────────────────────────────┘
//! ```
//!
//! Nothing leaves before the event that it follows from is synced. A panic costs nothing but what it was in the
//! middle of: the state is rebuilt from the log, which says so.

mod actor;
mod aftermath;
mod barrier;
mod bus;
mod cancel;
mod client_image;
mod courier;
mod effects;
mod epoch;
mod failure;
mod launcher;
mod liveness;
mod local;
mod machine;
mod measure;
mod places;
mod publisher;
mod pulse;
mod record;
mod run;
mod stall;
mod store;

pub use aftermath::end_leftovers;
pub use cancel::CANCEL_FILE;
pub use failure::OrchestratorError;
pub use places::{AgentStart, Orphans, Place, Places};
pub use record::{RecordSetup, record};
pub use run::{Begin, Interrupt, LiveUpdate, RunEnd, RunSetup, run};
