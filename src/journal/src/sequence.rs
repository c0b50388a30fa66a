//! Gives events their place in the history.

use hpcbench_core::event::Draft;
use hpcbench_core::{Epoch, Seq};

use crate::line::{Place, encode};
use crate::{Entry, Head, JournalError, Position};

/// The end of an epoch's file as its writer will have written it; what is on disk may lag behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sequence {
    epoch: Epoch,
    head: Head,
    /// Lines in the file.
    lines: u64,
    /// Bytes in the file.
    bytes: u64,
}

impl Sequence {
    /// An empty file of `epoch`, in which the history goes on after `head`.
    pub(crate) fn new(epoch: Epoch, head: Head) -> Self {
        Self {
            epoch,
            head,
            lines: 0,
            bytes: 0,
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// The next entry. After an error, nothing has changed.
    pub(crate) fn push(&mut self, draft: Draft, durable: Seq) -> Result<Entry, JournalError> {
        let place = Place {
            seq: self.head.seq.next(),
            prev: self.head.hash,
            durable,
        };
        let (event, line, hash) = encode(draft, place)?;
        let position = Position {
            epoch: self.epoch,
            line: self.lines + 1,
            offset: self.bytes,
        };
        self.head = Head { seq: place.seq, hash };
        self.lines += 1;
        self.bytes += line.len() as u64 + 1;
        Ok(Entry {
            event,
            line: line.into(),
            hash,
            position,
        })
    }
}
