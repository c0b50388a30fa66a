//! Synced events on their way to the bus, where the EVENTS stream repeats the log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hpcbench_core::Seq;
use hpcbench_journal::Entry;
use hpcbench_nats::{EventLine, LogLines, OrchestratorBus};
use tokio::sync::{mpsc, watch};

use super::bus::BusSlot;

/// Pause before a failed catch-up is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// Hands synced events to the bus.
pub(super) struct Publisher {
    queue: mpsc::UnboundedSender<Vec<Arc<Entry>>>,
    published: watch::Receiver<Seq>,
}

impl Publisher {
    /// Begins to publish over whatever bus is up.
    pub(super) fn start(run_dir: PathBuf, bus: BusSlot) -> Self {
        // Bounded by the log: an entry is shared with it, and a run has thousands.
        let (queue, inbox) = mpsc::unbounded_channel();
        let (done, published) = watch::channel(Seq(0));
        actix::spawn(publish(run_dir, bus, inbox, done));
        Self { queue, published }
    }

    /// Takes events that are synced.
    pub(super) fn publish(&self, entries: Vec<Arc<Entry>>) {
        // The task ends only with this publisher.
        let _ = self.queue.send(entries);
    }

    /// Waits until everything through `seq` is published, but not for ever.
    pub(super) async fn flush(&self, seq: Seq, patience: Duration) {
        let mut published = self.published.clone();
        let done = published.wait_for(|through| *through >= seq);
        if tokio::time::timeout(patience, done).await.is_err() {
            tracing::warn!(%seq, "the last events were not published: observers read them from the log");
        }
    }
}

async fn publish(
    run_dir: PathBuf,
    bus: BusSlot,
    mut inbox: mpsc::UnboundedReceiver<Vec<Arc<Entry>>>,
    done: watch::Sender<Seq>,
) {
    let log = LogReader { run_dir };
    while let Some(entries) = inbox.recv().await {
        let Some(head) = entries.last().map(|entry| entry.event.seq) else {
            continue;
        };
        let lines: Vec<EventLine> = entries.iter().filter_map(|entry| event_line(entry)).collect();
        let mut current: Arc<dyn OrchestratorBus> = bus.wait().await;
        if current.publish(&lines).await.is_err() {
            // A bus that was restarted, or missed something: it is brought in step from the log.
            while let Err(error) = current.catch_up(head, &log).await {
                tracing::debug!(%error, "the bus is not in step with the log yet");
                tokio::time::sleep(AGAIN).await;
                current = bus.wait().await;
            }
        }
        done.send_replace(head);
    }
}

fn event_line(entry: &Entry) -> Option<EventLine> {
    let kind = entry.event.kind.parse();
    let kind = kind
        .inspect_err(|error| tracing::error!(%error, "an event cannot be published"))
        .ok()?;
    Some(EventLine {
        seq: entry.event.seq,
        kind,
        line: entry.line.to_vec().into(),
    })
}

/// Reads the log from the disk, for a bus that lacks some of it.
pub(super) struct LogReader {
    pub(super) run_dir: PathBuf,
}

#[async_trait]
impl LogLines for LogReader {
    async fn read(
        &self,
        from: Seq,
        max: usize,
    ) -> Result<Vec<EventLine>, Box<dyn std::error::Error + Send + Sync>> {
        let run_dir = self.run_dir.clone();
        let lines = tokio::task::spawn_blocking(
            move || -> Result<Vec<EventLine>, hpcbench_journal::JournalError> {
                let mut lines = Vec::new();
                for entry in hpcbench_journal::read(&run_dir)? {
                    let entry = entry?;
                    if entry.event.seq >= from {
                        lines.extend(event_line(&entry));
                    }
                    if lines.len() >= max {
                        break;
                    }
                }
                Ok(lines)
            },
        );
        Ok(lines.await??)
    }
}
