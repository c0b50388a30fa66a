//! Reads the history, event by event.

use std::path::Path;
use std::sync::Arc;

use hpcbench_core::Epoch;
use hpcbench_core::event::RawEvent;

use crate::lines::Found;
use crate::scan::{HistoryEnd, Line, Scanner, Step};
use crate::storage::{DirStorage, Storage};
use crate::{JournalError, LineHash};

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// In which epoch's file.
    pub epoch: Epoch,
    /// Line number within the file, from 1.
    pub line: u64,
    /// Of its first byte within the file.
    pub offset: u64,
}

impl Position {
    pub(crate) fn of(epoch: Epoch, found: &Found) -> Self {
        Self {
            epoch,
            line: found.number,
            offset: found.offset,
        }
    }
}

/// An event with the line that holds it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The event.
    pub event: RawEvent,
    /// The line's bytes, without its newline: what is published.
    pub line: Arc<[u8]>,
    /// The hash of these bytes.
    pub hash: LineHash,
    /// Where the line stands.
    pub position: Position,
}

impl Entry {
    pub(crate) fn of(line: Line<'_>) -> Self {
        Self {
            line: line.bytes.into(),
            hash: line.decoded.hash,
            position: line.position,
            event: line.decoded.into_event(),
        }
    }
}

/// The accepted history of the run in `run_dir`: see [`Reader`].
pub fn read(run_dir: &Path) -> Result<Reader, JournalError> {
    Reader::new(Arc::new(DirStorage::new(run_dir)))
}

/// All events of a run in history order, over all epochs, in constant memory. What a crash or a fenced writer left
/// behind is not among them. The first damage is an error and ends the iteration.
pub struct Reader {
    scanner: Scanner,
    ended: bool,
}

impl Reader {
    /// Begins at the first event.
    pub fn new(storage: Arc<dyn Storage>) -> Result<Self, JournalError> {
        Self::below(storage, None)
    }

    pub(crate) fn below(storage: Arc<dyn Storage>, epoch: Option<Epoch>) -> Result<Self, JournalError> {
        Ok(Self {
            scanner: Scanner::new(storage, epoch)?,
            ended: false,
        })
    }

    /// The end of the history, as far as it has been read.
    pub fn end(&self) -> HistoryEnd {
        self.scanner.end()
    }

    fn read_next(&mut self) -> Result<Option<Entry>, JournalError> {
        loop {
            match self.scanner.step()? {
                Step::Line(line) => return Ok(Some(Entry::of(line))),
                Step::Bad(damage) => return Err(damage.into()),
                Step::Passed => {}
                Step::End => return Ok(None),
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Entry, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read_next().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}
