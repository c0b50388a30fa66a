//! Synced events on their way to the bus, where the EVENTS stream repeats the log.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hpcbench_core::Seq;
use hpcbench_journal::{Entry, JournalError, MAX_WRITTEN_BYTES, Reader};
use hpcbench_nats::limits::MAX_PAYLOAD;
use hpcbench_nats::{Bytes, EventLine, LogLines, OrchestratorBus};
use tokio::sync::{mpsc, watch};

use super::bus::BusSlot;

/// Pause before a failed catch-up is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// Batches of the journal that are published as one.
const MAX_TOGETHER: usize = 256;
/// Batches that wait for the bus. What is synced beyond that is read from the log when the bus is there again.
const MAX_WAITING: usize = 1024;

// What the log takes, the bus takes too: else it would never again be in step.
const _: () = assert!(MAX_WRITTEN_BYTES <= MAX_PAYLOAD);

/// Hands synced events to the bus.
pub(super) struct Publisher {
    queue: mpsc::Sender<Vec<Arc<Entry>>>,
    synced: watch::Sender<Seq>,
    published: watch::Receiver<Seq>,
}

impl Publisher {
    /// Begins to publish over whatever bus is up.
    pub(super) fn start(run_dir: PathBuf, bus: BusSlot) -> Self {
        let (queue, inbox) = mpsc::channel(MAX_WAITING);
        let (done, published) = watch::channel(Seq(0));
        let (synced, head) = watch::channel(Seq(0));
        actix::spawn(publish(run_dir, bus, Waiting { inbox, head }, done));
        Self {
            queue,
            synced,
            published,
        }
    }

    /// Takes events that are synced.
    pub(super) fn publish(&self, entries: Vec<Arc<Entry>>) {
        let Some(head) = entries.last().map(|entry| entry.event.seq) else {
            return;
        };
        // Where there is no room, the log has them. The task ends only with this publisher.
        let _ = self.queue.try_send(entries);
        self.synced.send_replace(head);
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

/// Synced events that are not published.
struct Waiting {
    inbox: mpsc::Receiver<Vec<Arc<Entry>>>,
    head: watch::Receiver<Seq>,
}

impl Waiting {
    /// The next events after `through`, and the last of them; without lines, if they are only in the log. None once nothing
    /// more comes.
    async fn next(&mut self, through: Seq) -> Option<(Seq, Vec<EventLine>)> {
        loop {
            // Whatever was synced while the last ones were under way goes together.
            let entries: Vec<_> = std::iter::from_fn(|| self.inbox.try_recv().ok())
                .take(MAX_TOGETHER)
                .flatten()
                .collect();
            let head = entries.last().map(|entry| entry.event.seq);
            let head = head.unwrap_or_else(|| *self.head.borrow_and_update());
            if head > through {
                let lines = entries.iter().filter_map(|entry| event_line(entry));
                return Some((head, lines.collect()));
            }
            self.head.changed().await.ok()?;
        }
    }
}

async fn publish(run_dir: PathBuf, bus: BusSlot, mut waiting: Waiting, done: watch::Sender<Seq>) {
    let log = LogReader::new(run_dir);
    let mut through = Seq(0);
    while let Some((head, lines)) = waiting.next(through).await {
        let mut current: Arc<dyn OrchestratorBus> = bus.wait().await;
        if lines.is_empty() || current.publish(&lines).await.is_err() {
            // A bus that was restarted, or missed something: it is brought in step from the log.
            while let Err(error) = current.catch_up(head, &log).await {
                tracing::debug!(%error, "the bus is not in step with the log yet");
                tokio::time::sleep(AGAIN).await;
                current = bus.wait().await;
            }
        }
        through = head;
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
        line: Bytes::from_owner(Arc::clone(&entry.line)),
    })
}

/// Reads the log from the disk, for a bus that lacks some of it: once, however many steps that takes.
pub(super) struct LogReader(Arc<Place>);

struct Place {
    run_dir: PathBuf,
    /// Where the last step ended, if the log went on there.
    open: Mutex<Option<(Seq, Reader)>>,
}

impl LogReader {
    /// Reads the log of the run in `run_dir`.
    pub(super) fn new(run_dir: PathBuf) -> Self {
        let open = Mutex::default();
        Self(Arc::new(Place { run_dir, open }))
    }
}

impl Place {
    fn read(&self, from: Seq, max: usize) -> Result<Vec<EventLine>, JournalError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reader = match open.take() {
            Some((next, reader)) if next == from => reader,
            _ => hpcbench_journal::read(&self.run_dir)?,
        };
        let mut lines = Vec::new();
        while lines.len() < max {
            let Some(entry) = reader.next() else {
                return Ok(lines);
            };
            let entry = entry?;
            if entry.event.seq >= from {
                lines.extend(event_line(&entry));
            }
        }
        if let Some(last) = lines.last() {
            *open = Some((last.seq.next(), reader));
        }
        Ok(lines)
    }
}

#[async_trait]
impl LogLines for LogReader {
    async fn read(
        &self,
        from: Seq,
        max: usize,
    ) -> Result<Vec<EventLine>, Box<dyn std::error::Error + Send + Sync>> {
        let place = Arc::clone(&self.0);
        Ok(tokio::task::spawn_blocking(move || place.read(from, max)).await??)
    }
}

#[cfg(test)]
#[path = "publisher_tests.rs"]
mod tests;
