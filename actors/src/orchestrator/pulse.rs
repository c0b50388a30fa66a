//! A sign of life for whoever sees the run directory and not the bus: the time of `bus.json`'s last change.

use std::path::PathBuf;
use std::time::Duration;

use hpcbench_nats::Rendezvous;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How often it is given.
const INTERVAL: Duration = Duration::from_secs(5);

/// Gives it, on a thread of its own: a shared file system may not answer.
pub(super) struct Pulse {
    run_dir: PathBuf,
    next: Instant,
    under_way: Option<JoinHandle<()>>,
}

impl Pulse {
    pub(super) fn new(run_dir: PathBuf) -> Self {
        Self {
            run_dir,
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
        let run_dir = self.run_dir.clone();
        self.under_way = Some(tokio::task::spawn_blocking(move || {
            // There is none before the bus is up.
            if let Err(error) = Rendezvous::touch(&run_dir) {
                tracing::debug!(%error, "no sign of life was given");
            }
        }));
    }
}
