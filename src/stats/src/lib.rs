//! From records to numbers: mergeable distributions, what a trial's records add up to, and the verdict on whether the
//! numbers may be believed.

mod distribution;
mod engine_report;
mod window;

pub use distribution::{Distribution, DistributionError, rank};
pub use engine_report::{EngineReport, EngineThread, LONG_LOOP_GAP_NS, StampSource};
pub use window::Window;
