//! What remains to be done once a run, or an epoch of it, has ended: nothing of it goes on, and nothing points to it.

use std::path::Path;
use std::time::{Duration, Instant};

use hpcbench_core::{Epoch, RunId};
use hpcbench_journal::{DirStorage, JournalError, Storage};
use hpcbench_nats::Rendezvous;

use super::OrchestratorError;
use super::actor::Ended;
use super::bus::BusHost;
use super::publisher::Publisher;
use crate::process::{children_of, kill_descendants, kill_leftovers};
use crate::shell::{Scratch, successor_of};

/// How long the last events may take to be published.
const FLUSH: Duration = Duration::from_secs(3);
/// How long what was started may take to end by itself: a service's own grace and some more.
const AFTERMATH: Duration = Duration::from_secs(12);
/// How long it may take to end by force. A process in an uninterruptible wait does not end at all.
const FORCE: Duration = Duration::from_secs(5);
/// The same as [`AFTERMATH`] when the run is to end at once.
const AFTERMATH_AT_ONCE: Duration = Duration::from_millis(500);

/// Ends whatever was started and removes what was only for this run's life.
pub(super) async fn clean_up(
    bus: &BusHost,
    publisher: &Publisher,
    scratch: &Scratch,
    end: &Result<Ended, OrchestratorError>,
) {
    if let Ok(Ended { last, .. }) = end {
        publisher.flush(*last, FLUSH).await;
    }
    bus.stop().await;
    let in_order = end.as_ref().is_ok_and(|ended| !ended.at_once);
    let patience = if in_order { AFTERMATH } else { AFTERMATH_AT_ONCE };
    let until = Instant::now() + patience;
    let own = std::process::id();
    while !children_of(own).is_empty() && Instant::now() < until {
        reap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let until = Instant::now() + FORCE;
    while kill_descendants(own, &[]) > 0 && Instant::now() < until {
        reap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for pid in children_of(own) {
        tracing::error!(
            pid,
            "a process of this run cannot be killed: look what it waits for"
        );
    }
    remove_rendezvous(&bus.run_dir, bus.epoch);
    // One and the same, as a rule.
    for local in [scratch, &bus.store] {
        if let Err(error) = local.remove() {
            tracing::warn!(%error, "failed to remove {}", local.path().display());
        }
    }
}

/// Ends and removes what the orchestrators of a run through `epoch` have left on this host: processes, node-local files and
/// `bus.json`. For a run that has ended.
///
/// # Errors
/// A later orchestrator has taken the run up again: nothing was done.
pub fn end_leftovers(
    run_dir: &Path,
    scratch_base: &Path,
    run: &RunId,
    epoch: Epoch,
) -> Result<(), OrchestratorError> {
    end_former_epochs(run_dir, epoch)?;
    Scratch::remove_through(scratch_base, run, epoch);
    // Where the bus's store is if nodes share the scratch directory.
    Scratch::remove_through(&std::env::temp_dir(), run, epoch);
    Ok(())
}

/// Before this epoch starts anything: whatever a former one has left is ended, and no message to it is taken for one to us.
pub(super) fn end_former_epochs(run_dir: &Path, epoch: Epoch) -> Result<(), OrchestratorError> {
    let storage = DirStorage::new(run_dir);
    // Processes do not say of which epoch they are: a successor's must not be taken for leftovers.
    let is_still_ours = || -> Result<(), OrchestratorError> {
        let successor = storage.higher_than(epoch).map_err(JournalError::Storage)?;
        successor.map_or(Ok(()), |by| Err(OrchestratorError::Fenced { by }))
    };
    is_still_ours()?;
    let found = kill_leftovers(run_dir, FORCE, is_still_ours)?;
    if found.killed > 0 {
        tracing::warn!(
            "killed {} processes that a former orchestrator had left running",
            found.killed
        );
    }
    for pid in found.left {
        tracing::error!(
            pid,
            "a process of a former epoch cannot be killed: look what it waits for"
        );
    }
    remove_rendezvous(run_dir, epoch);
    Ok(())
}

/// Removes `bus.json`, unless it is a successor's.
fn remove_rendezvous(run_dir: &Path, epoch: Epoch) {
    // In this order: a successor claims its epoch before it writes its own.
    let is_ours = Rendezvous::read(run_dir).is_ok_and(|found| found.epoch <= epoch);
    if !is_ours || successor_of(run_dir, epoch).is_some() {
        return;
    }
    let path = Rendezvous::path(run_dir);
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::warn!(%error, "failed to remove {}", path.display());
    }
}

/// Waits for orphans that became our children.
fn reap() {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive)
    {
    }
}
