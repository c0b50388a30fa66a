//! The log collector: follows the logs of the programs on its node and keeps them, line by line, in the run directory.

mod actor;
mod line;
mod output;
mod sources;
mod tail;

pub(crate) use actor::AlsoSeal;
pub use actor::LogCollector;
pub use line::CollectedLine;
pub use sources::{LogSource, LogSources};
pub use tail::{TAIL_BYTES, log_tail};
