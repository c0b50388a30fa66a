//! The writer's handle, and its thread.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use hpcbench_core::event::Draft;
use hpcbench_core::{Epoch, Seq};

use crate::commit::{Committer, SyncOutcome};
use crate::open::{Begun, Opening, begin};
use crate::queue::Queue;
use crate::sequence::Sequence;
use crate::{Entry, Head, JournalError, Leftover, Storage};

/// Told what became of the appended lines, on the journal's thread and in order. It should hand on quickly: the next
/// batch waits for it. After `Fenced` or `Failed` nothing more comes.
pub type OnSync = Box<dyn FnMut(SyncOutcome) + Send>;

/// The one writer of an epoch.
///
/// `append` gives events their place at once and in memory, so that the caller can go on deciding; but nothing of
/// them may leave the process before `OnSync` has told that they are synced.
#[derive(Debug)]
pub struct Journal {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
    sequence: Sequence,
}

/// A journal whose epoch has begun.
#[derive(Debug)]
pub struct Opened {
    /// Takes the epoch's events.
    pub journal: Journal,
    /// The epoch's first event, synced already.
    pub started: Arc<Entry>,
    /// What was cut off the former epoch's file and kept in its `.torn` file.
    pub cut: Option<Leftover>,
}

impl Journal {
    /// Claims the next epoch, reads the history, recovers its end, and writes the epoch's first line.
    ///
    /// # Errors
    ///
    /// `AlreadyClaimed` or `Fenced` if another process takes the run over at the same time; `Damaged` if the history
    /// does not verify; `Storage` or `Poisoned` if the file system refuses.
    pub fn open(
        storage: Arc<dyn Storage>,
        opening: Opening<'_>,
        on_sync: OnSync,
    ) -> Result<Opened, JournalError> {
        let Begun {
            committer,
            sequence,
            started,
            cut,
        } = begin(storage, opening)?;
        let queue = Arc::new(Queue::new(started.event.seq));
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn({
                let queue = Arc::clone(&queue);
                move || run(&queue, committer, on_sync)
            })
            .map_err(JournalError::Spawn)?;
        let journal = Self {
            queue,
            thread: Some(thread),
            sequence,
        };
        Ok(Opened {
            journal,
            started,
            cut,
        })
    }

    /// Gives `drafts` their places and hands them to the disk, all or none.
    ///
    /// # Errors
    ///
    /// `Fenced`, `Poisoned` or `Closed` once the writer has stopped; `QueueFull` if the disk does not keep up; the others if a
    /// draft is no event. Nothing has been appended then.
    pub fn append(&mut self, drafts: Vec<Draft>) -> Result<Vec<Arc<Entry>>, JournalError> {
        let durable = self.queue.durable()?;
        let mut sequence = self.sequence;
        let mut entries = Vec::with_capacity(drafts.len());
        for draft in drafts {
            entries.push(Arc::new(sequence.push(draft, durable)?));
        }
        self.queue.push(&entries)?;
        self.sequence = sequence;
        Ok(entries)
    }

    /// This writer's epoch.
    pub fn epoch(&self) -> Epoch {
        self.sequence.epoch()
    }

    /// The last event appended; it may not be synced yet.
    pub fn head(&self) -> Head {
        self.sequence.head()
    }

    /// The highest seq that is synced, unless the writer has stopped.
    pub fn durable(&self) -> Result<Seq, JournalError> {
        self.queue.durable()
    }

    /// Writes and syncs what waits, ends the thread, and returns the end of the log.
    ///
    /// # Errors
    ///
    /// Why the writer stopped before everything was synced.
    pub fn close(mut self) -> Result<Head, JournalError> {
        self.join()?;
        self.queue
            .stopped()
            .map_or(Ok(self.sequence.head()), |stop| Err(stop.into_error()))
    }

    fn join(&mut self) -> Result<(), JournalError> {
        self.queue.close();
        let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
        ended.map_err(|_panic| JournalError::Panicked)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Whoever wants to know whether everything was written calls `close`.
        let _ = self.join();
    }
}

/// Tells the appending side when the thread ends, by a panic too.
struct EndGuard<'a>(&'a Queue);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Group commit: whatever waits is written and synced together, with no added delay.
fn run(queue: &Queue, mut committer: Committer, mut on_sync: OnSync) {
    let _guard = EndGuard(queue);
    while let Some(entries) = queue.take() {
        match committer.commit(&entries) {
            Ok(looked) => {
                let Some(last) = entries.last() else { continue };
                let through = last.event.seq;
                queue.synced(through);
                on_sync(SyncOutcome::Synced {
                    through,
                    entries,
                    looked,
                });
            }
            Err(stop) => {
                queue.stop(stop.clone());
                on_sync(stop.into_outcome());
                return;
            }
        }
    }
}
