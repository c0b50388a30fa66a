//! Bad bytes at the end of the last epoch: a write that a crash cut off, or damage.

use hpcbench_core::{Epoch, Seq};

use crate::line::decode;
use crate::lines::{Ending, Found, Lines};
use crate::storage::{Storage, StorageError};

/// Types of the events that end a run.
const TERMINAL: [&str; 3] = ["run.completed", "run.failed", "run.cancelled"];

/// Whether an event of type `kind` ends a run.
pub(crate) fn is_terminal(kind: &str) -> bool {
    TERMINAL.contains(&kind)
}

/// The first bytes that cannot be read in the last epoch's file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BadBytes {
    pub(crate) epoch: Epoch,
    pub(crate) line: u64,
    pub(crate) offset: u64,
    /// The event that should be there.
    pub(crate) seq: Seq,
    /// Whether a terminal event stands before them in this epoch.
    pub(crate) finished: bool,
}

/// Bytes that a crash left behind the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leftover {
    /// How they came to be.
    pub kind: LeftoverKind,
    /// The line in which they begin.
    pub line: u64,
    /// The event that was to stand there.
    pub seq: Seq,
    /// How many they are.
    pub bytes: u64,
}

/// How bytes came to be left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftoverKind {
    /// The last write was cut off.
    Torn,
    /// A power cut lost a part of a batch that had not been acknowledged: zeros are in its place.
    LostBatch,
}

impl BadBytes {
    /// The bytes of the line `found`.
    pub(crate) fn at(found: &Found, epoch: Epoch, seq: Seq, finished: bool) -> Self {
        let (line, offset) = (found.number, found.offset);
        Self {
            epoch,
            line,
            offset,
            seq,
            finished,
        }
    }

    /// Reads on to the end of the file to find out whether a crash left the bytes; `None` means that they are damage.
    pub(crate) fn leftover(&self, storage: &dyn Storage) -> Result<Option<Leftover>, StorageError> {
        if self.finished {
            return Ok(None);
        }
        let file = storage.open(self.epoch)?;
        let bytes = file.size()?.saturating_sub(self.offset);
        let leftover = |kind| {
            Some(Leftover {
                kind,
                line: self.line,
                seq: self.seq,
                bytes,
            })
        };
        let mut lines = Lines::from(file, None, self.line, self.offset);
        while let Some(found) = lines.next()? {
            let bytes = lines.bytes(&found);
            match found.ending {
                Ending::Nothing if found.offset > self.offset => break,
                Ending::Nothing if lost_its_newline(bytes) => return Ok(None),
                Ending::Nothing => return Ok(leftover(LeftoverKind::Torn)),
                Ending::TooLong => {}
                Ending::Newline => match decode(bytes) {
                    // A live writer has finished the line meanwhile.
                    Ok(_) if found.offset == self.offset => return Ok(leftover(LeftoverKind::Torn)),
                    // Its writer knew the bad bytes to be synced, so no crash can have lost them. A terminal event
                    // is written after everything before it was synced.
                    Ok(line) if line.durable >= self.seq || is_terminal(&line.kind) => return Ok(None),
                    Err(_) if was_altered(bytes) => return Ok(None),
                    Ok(_) | Err(_) => {}
                },
            }
        }
        Ok(leftover(LeftoverKind::LostBatch))
    }
}

/// Whether an unterminated line is a whole one whose newline became another byte. A torn line is shorter.
fn lost_its_newline(bytes: &[u8]) -> bool {
    bytes.split_last().is_some_and(|(_, line)| decode(line).is_ok())
}

/// Whether a bad line was altered rather than lost. A block that a power cut lost reads as zeros, which no line contains; the
/// line that they are in goes on to the next newline that was written.
fn was_altered(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_none()
}
