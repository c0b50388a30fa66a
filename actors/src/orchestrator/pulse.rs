//! A sign of life for whoever sees the run directory and not the bus: the time of `bus.json`'s last change.

use std::path::PathBuf;
use std::time::Duration;

use hpcbench_core::Epoch;
use hpcbench_nats::Rendezvous;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::shell::successor_of;

/// How often it is given.
const INTERVAL: Duration = Duration::from_secs(5);

/// Gives it, on a thread of its own: a shared file system may not answer.
pub(super) struct Pulse {
    run_dir: PathBuf,
    epoch: Epoch,
    next: Instant,
    under_way: Option<JoinHandle<()>>,
}

impl Pulse {
    pub(super) fn new(run_dir: PathBuf, epoch: Epoch) -> Self {
        Self {
            run_dir,
            epoch,
            next: Instant::now(),
            under_way: None,
        }
    }

    /// Gives a sign, if it is time to and the last one got through.
    pub(super) fn beat(&mut self) {
        let is_busy = self.under_way.as_ref().is_some_and(|task| !task.is_finished());
        if is_busy || Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + INTERVAL;
        let (run_dir, epoch) = (self.run_dir.clone(), self.epoch);
        self.under_way = Some(tokio::task::spawn_blocking(move || {
            // A successor gives its own.
            if successor_of(&run_dir, epoch).is_some() {
                return;
            }
            // There is none before the bus is up.
            if let Err(error) = Rendezvous::touch(&run_dir) {
                tracing::debug!(%error, "no sign of life was given");
            }
        }));
    }
}
