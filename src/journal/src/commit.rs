//! Makes a batch of lines durable and finds out whether it may be acknowledged.

use std::sync::Arc;

use hpcbench_core::{Epoch, Seq};

use crate::storage::{Append, Storage, StorageError};
use crate::tail::is_terminal;
use crate::{Entry, JournalError, Moment};

/// A batch buffer larger than this is given back after use.
const KEPT_BUFFER_BYTES: usize = 1 << 20;

/// What became of lines that were handed to the disk.
#[derive(Debug)]
pub enum SyncOutcome {
    /// Everything up to `through` is durable and in the history of every later writer: it may be acknowledged.
    Synced {
        /// The last of the entries.
        through: Seq,
        /// What this sync made durable, in order.
        entries: Vec<Arc<Entry>>,
        /// There was no later writer at some time after this. Who acts later has to look again.
        looked: Moment,
    },
    /// A later writer has taken over. Nothing more may be acknowledged, published or done.
    Fenced {
        /// The highest epoch seen.
        by: Epoch,
    },
    /// The disk refused; what is on it is unknown. The process has to end.
    Failed(Arc<StorageError>),
}

/// Why a writer stopped for good.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    Fenced { by: Epoch },
    Failed(Arc<StorageError>),
}

impl Stop {
    pub(crate) fn into_error(self) -> JournalError {
        match self {
            Self::Fenced { by } => JournalError::Fenced { by },
            Self::Failed(error) => JournalError::Poisoned(error),
        }
    }

    pub(crate) fn into_outcome(self) -> SyncOutcome {
        match self {
            Self::Fenced { by } => SyncOutcome::Fenced { by },
            Self::Failed(error) => SyncOutcome::Failed(error),
        }
    }
}

/// The only one that writes to an epoch's file.
pub(crate) struct Committer {
    storage: Arc<dyn Storage>,
    file: Box<dyn Append>,
    epoch: Epoch,
    batch: Vec<u8>,
    stopped: Option<Stop>,
}

impl Committer {
    pub(crate) fn new(storage: Arc<dyn Storage>, file: Box<dyn Append>, epoch: Epoch) -> Self {
        Self {
            storage,
            file,
            epoch,
            batch: Vec::new(),
            stopped: None,
        }
    }

    /// Writes and syncs all `entries` together, then looks for a successor, after the moment returned. Once stopped, it stays
    /// stopped: after a failed sync nobody knows what later syncs would prove.
    pub(crate) fn commit(&mut self, entries: &[Arc<Entry>]) -> Result<Moment, Stop> {
        self.write(entries)?;
        self.look_for_successor()
    }

    /// Writes and syncs all `entries`: together, except that a terminal event is written after everything before it is
    /// synced. So a log in which it can be read has lost nothing before it.
    pub(crate) fn write(&mut self, entries: &[Arc<Entry>]) -> Result<(), Stop> {
        for batch in entries.chunk_by(|_, next| !is_terminal(&next.event.kind)) {
            self.unless_stopped(|this| {
                this.write_batch(batch)
                    .map_err(|error| Stop::Failed(Arc::new(error)))
            })?;
        }
        Ok(())
    }

    pub(crate) fn look_for_successor(&mut self) -> Result<Moment, Stop> {
        // Before the look: this process may be stopped at any time, and what it saw is as old as that.
        let looked = Moment::now();
        self.unless_stopped(|this| match this.storage.higher_than(this.epoch) {
            Ok(None) => Ok(()),
            Ok(Some(by)) => Err(Stop::Fenced { by }),
            Err(error) => Err(Stop::Failed(Arc::new(error))),
        })
        .map(|()| looked)
    }

    fn unless_stopped(&mut self, act: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        if self.stopped.is_none() {
            self.stopped = act(self).err();
        }
        self.stopped.clone().map_or(Ok(()), Err)
    }

    fn write_batch(&mut self, entries: &[Arc<Entry>]) -> Result<(), StorageError> {
        self.batch.clear();
        for entry in entries {
            self.batch.extend_from_slice(&entry.line);
            self.batch.push(b'\n');
        }
        self.file.append(&self.batch)?;
        self.batch.clear();
        self.batch.shrink_to(KEPT_BUFFER_BYTES);
        self.file.sync()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use hpcbench_core::Timestamp;
    use hpcbench_core::event::Draft;
    use serde_json::value::RawValue;

    use super::*;
    use crate::Head;
    use crate::sequence::Sequence;
    use crate::sim::SimDisk;

    /// What is done to a file, in order.
    #[derive(Clone, Default)]
    struct Deeds(Arc<Mutex<Vec<String>>>);

    impl Append for Deeds {
        fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
            let lines = bytes.split(|byte| *byte == b'\n').count() - 1;
            self.0.lock().unwrap().push(format!("{lines} lines"));
            Ok(())
        }

        fn sync(&mut self) -> Result<(), StorageError> {
            self.0.lock().unwrap().push("sync".to_owned());
            Ok(())
        }
    }

    #[test]
    fn a_terminal_event_is_written_after_everything_before_it_is_synced() {
        let deeds = Deeds::default();
        let disk = Arc::new(SimDisk::new(1));
        let mut committer = Committer::new(disk, Box::new(deeds.clone()), Epoch(1));
        let mut sequence = Sequence::new(Epoch(1), Head::EMPTY);
        let mut entry = |kind: &str| {
            let draft = Draft {
                at: Timestamp::from_micros(0),
                kind: kind.to_owned(),
                version: 1,
                actor: "orchestrator".to_owned(),
                node: "node".parse().unwrap(),
                correlation: "run".to_owned(),
                causation: None,
                data: RawValue::from_string("{}".to_owned()).unwrap(),
            };
            Arc::new(sequence.push(draft, Seq(0)).unwrap())
        };
        let batch = ["a.happened", "b.happened", "run.completed"].map(&mut entry);
        committer.commit(&batch).unwrap();
        committer
            .commit(&["c.happened", "d.happened"].map(&mut entry))
            .unwrap();
        let deeds = deeds.0.lock().unwrap();
        assert_eq!(*deeds, ["2 lines", "sync", "1 lines", "sync", "2 lines", "sync"]);
    }
}
