//! Reads the history, event by event.

use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use hpcbench_core::Epoch;
use hpcbench_core::event::RawEvent;

use crate::lines::Found;
use crate::scan::{HistoryEnd, Scanner, Step};
use crate::storage::{DirStorage, Storage};
use crate::{CheckedLine, JournalError, LineHash};

/// Memory that lines share, at least.
const BLOCK_BYTES: usize = 64 << 10;

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

/// The accepted history of the run in `run_dir`: see [`Reader`].
pub fn read(run_dir: &Path) -> Result<Reader, JournalError> {
    Reader::new(Arc::new(DirStorage::new(run_dir)))
}

/// All events of a run in history order, over all epochs, in constant memory. What a crash or a fenced writer left
/// behind is not among them. The first damage is an error and ends the iteration.
pub struct Reader(CheckedLines);

impl Reader {
    /// Begins at the first event.
    pub fn new(storage: Arc<dyn Storage>) -> Result<Self, JournalError> {
        Self::below(storage, None)
    }

    pub(crate) fn below(storage: Arc<dyn Storage>, epoch: Option<Epoch>) -> Result<Self, JournalError> {
        let scanner = Scanner::new(storage, epoch)?;
        let lines = CheckedLines {
            scanner,
            memory: BytesMut::new(),
            ended: false,
        };
        Ok(Self(lines))
    }

    /// The end of the history, as far as it has been read.
    pub fn end(&self) -> HistoryEnd {
        self.0.scanner.end()
    }

    /// The lines that the events would be made of.
    pub fn into_lines(self) -> CheckedLines {
        self.0
    }
}

impl Iterator for Reader {
    type Item = Result<Entry, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|line| line.map(Entry::from))
    }
}

/// What [`Reader`] makes events of.
pub struct CheckedLines {
    scanner: Scanner,
    /// For lines to come. It is freed with the last of those that it holds.
    memory: BytesMut,
    ended: bool,
}

impl CheckedLines {
    fn read_next(&mut self) -> Result<Option<CheckedLine>, JournalError> {
        loop {
            match self.scanner.step()? {
                Step::Line(line) => {
                    if self.memory.capacity() < line.bytes.len() {
                        self.memory = BytesMut::with_capacity(line.bytes.len().max(BLOCK_BYTES));
                    }
                    return Ok(Some(CheckedLine::keep(line, &mut self.memory)));
                }
                Step::Bad(damage) => return Err(damage.into()),
                Step::Passed => {}
                Step::End => return Ok(None),
            }
        }
    }
}

impl Iterator for CheckedLines {
    type Item = Result<CheckedLine, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read_next().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}
