//! Whether another orchestrator has taken a run over.

use std::path::Path;

use hpcbench_core::Epoch;
use hpcbench_journal::{DirStorage, Storage};

/// The epoch that has taken the run in `run_dir` over from `epoch`, if one is known to have.
pub(crate) fn successor_of(run_dir: &Path, epoch: Epoch) -> Option<Epoch> {
    DirStorage::new(run_dir).higher_than(epoch).ok().flatten()
}
