//! Events: the only thing that changes a run's state.

mod raw;

pub use raw::{Draft, RawEvent};
