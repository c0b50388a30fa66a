//! Whether a line continues the history.

use hpcbench_core::Seq;

use crate::line::Decoded;
use crate::{Head, LineFault};

/// The history so far, as far as the next line has to fit to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain {
    head: Head,
    /// False after a line that could not be read: the hash is unknown then, and so is the number of lines lost.
    certain: bool,
}

impl Chain {
    pub(crate) const fn after(head: Head) -> Self {
        Self { head, certain: true }
    }

    pub(crate) fn head(&self) -> Head {
        self.head
    }

    pub(crate) fn is_certain(&self) -> bool {
        self.certain
    }

    /// The event that comes next.
    pub(crate) fn next_seq(&self) -> Seq {
        self.head.seq.next()
    }

    /// Takes a line into the history. A line that does not fit is taken too, so that one fault is told once.
    pub(crate) fn take(&mut self, line: &Decoded<'_>) -> Result<(), LineFault> {
        let expected = self.next_seq();
        let fits = if self.certain {
            line.seq == expected
        } else {
            line.seq >= expected
        };
        let prev = self.head.hash;
        let certain = self.certain;
        *self = Self::after(Head {
            seq: line.seq,
            hash: line.hash,
        });
        if !fits {
            return Err(LineFault::WrongSeq {
                expected,
                found: line.seq,
            });
        }
        if certain && line.prev != prev {
            return Err(LineFault::WrongPrev {
                expected: prev,
                found: line.prev,
            });
        }
        Ok(())
    }

    /// Steps over a line that cannot be read.
    pub(crate) fn step_over(&mut self) {
        self.head.seq = self.next_seq();
        self.certain = false;
    }
}
