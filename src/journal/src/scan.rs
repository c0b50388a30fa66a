//! Walks through the history, line by line, and tells what is wrong with it.

use std::sync::Arc;

use hpcbench_core::Epoch;

use crate::base::Base;
use crate::chain::Chain;
use crate::line::{Decoded, MAX_LINE_BYTES, decode};
use crate::lineage::{Aside, End, Lineage, Segment};
use crate::lines::{Ending, Found, Lines};
use crate::storage::{Storage, StorageError};
use crate::tail::{BadBytes, Leftover, is_terminal};
use crate::{Damage, Head, LineFault, Position};

/// The next thing in the history.
pub(crate) enum Step<'a> {
    Line(Line<'a>),
    Bad(Damage),
    /// Nothing to tell: the end of a file, or more of the bytes that were told as bad. Go on.
    Passed,
    End,
}

/// A line that continues the history.
pub(crate) struct Line<'a> {
    pub(crate) decoded: Decoded<'a>,
    pub(crate) bytes: &'a [u8],
    pub(crate) position: Position,
}

impl<'a> Line<'a> {
    pub(crate) fn new(decoded: Decoded<'a>, bytes: &'a [u8], position: Position) -> Self {
        Self {
            decoded,
            bytes,
            position,
        }
    }
}

/// The accepted end of the history, and what stands behind it in the last file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryEnd {
    /// The last event.
    pub head: Head,
    /// The epoch whose file holds it; 0 if there is none.
    pub epoch: Epoch,
    /// The length of that file up to the end of that event's line.
    pub bytes: u64,
    /// Whether that epoch has ended the run.
    pub finished: bool,
    /// What a crash left behind it.
    pub leftover: Option<Leftover>,
}

/// The file that is being read.
struct Current {
    segment: Segment,
    lines: Lines,
    /// A terminal event was read in it.
    finished: bool,
    /// The line before could not be read; what follows belongs to the same fault.
    in_bad_bytes: bool,
    /// It ends in a line without end, after which there is nothing to read.
    exhausted: bool,
}

pub(crate) struct Scanner {
    storage: Arc<dyn Storage>,
    segments: std::vec::IntoIter<Segment>,
    current: Option<Current>,
    chain: Chain,
    end: HistoryEnd,
    asides: Vec<Aside>,
    epochs: usize,
}

impl Scanner {
    /// A walk through the files of the epochs below `below`, or of all.
    pub(crate) fn new(storage: Arc<dyn Storage>, below: Option<Epoch>) -> Result<Self, StorageError> {
        let Lineage { segments, asides } = Lineage::read(&*storage, below)?;
        let head = Head::EMPTY;
        Ok(Self {
            storage,
            epochs: segments.len(),
            segments: segments.into_iter(),
            current: None,
            chain: Chain::after(head),
            end: HistoryEnd {
                head,
                epoch: Epoch(0),
                bytes: 0,
                finished: false,
                leftover: None,
            },
            asides,
        })
    }

    /// How many epochs make up the history.
    pub(crate) fn epochs(&self) -> usize {
        self.epochs
    }

    /// What is beside the history, as far as the walk has come.
    pub(crate) fn asides(&self) -> &[Aside] {
        &self.asides
    }

    /// The end of the history, as far as the walk has come.
    pub(crate) fn end(&self) -> HistoryEnd {
        self.end
    }

    pub(crate) fn step(&mut self) -> Result<Step<'_>, StorageError> {
        if self.end.leftover.is_some() {
            return Ok(Step::End);
        }
        let Some(current) = &mut self.current else {
            return self.open_next();
        };
        let found = if current.exhausted {
            None
        } else {
            current.lines.next()?
        };
        let Some(found) = found else { return self.close() };
        self.line(&found)
    }

    fn open_next(&mut self) -> Result<Step<'_>, StorageError> {
        let Some(segment) = self.segments.next() else {
            return Ok(Step::End);
        };
        let limit = segment.end.base().map(|base| base.bytes);
        let lines = Lines::new(self.storage.open(segment.epoch)?, limit);
        self.current = Some(Current {
            segment,
            lines,
            finished: false,
            in_bad_bytes: false,
            exhausted: false,
        });
        Ok(Step::Passed)
    }

    /// The end of a file's part in the history.
    fn close(&mut self) -> Result<Step<'_>, StorageError> {
        let Some(Current { segment, lines, .. }) = self.current.take() else {
            return Ok(Step::End);
        };
        let End::Base(base) = segment.end else {
            return Ok(Step::Passed);
        };
        let (epoch, size) = (segment.epoch, lines.file().size()?);
        if base.epoch == epoch && size < base.bytes {
            let seq = self.chain.next_seq();
            self.chain.step_over();
            let fault = LineFault::CutShort {
                bytes: size,
                expected: base.bytes,
            };
            return Ok(Step::Bad(Damage {
                epoch,
                line: lines.number() + 1,
                seq,
                fault,
            }));
        }
        if size > base.bytes {
            self.asides.push(Aside::FencedTail {
                epoch,
                from: base.bytes,
                bytes: size - base.bytes,
            });
        }
        Ok(Step::Passed)
    }

    fn line(&mut self, found: &Found) -> Result<Step<'_>, StorageError> {
        let Some(current) = &mut self.current else {
            return Ok(Step::End);
        };
        let epoch = current.segment.epoch;
        let bytes = current.lines.bytes(found);
        let decoded = match found.ending {
            Ending::Newline => decode(bytes),
            Ending::Nothing => Err(LineFault::Unterminated),
            Ending::TooLong => Err(LineFault::TooLong {
                limit: MAX_LINE_BYTES,
            }),
        };
        let seq = self.chain.next_seq();
        let damage = |fault| Damage {
            epoch,
            line: found.number,
            seq,
            fault,
        };
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(fault) => {
                current.exhausted = found.ending == Ending::Nothing;
                if std::mem::replace(&mut current.in_bad_bytes, true) {
                    return Ok(Step::Passed);
                }
                if current.segment.end == End::Open {
                    let bad = BadBytes::at(found, epoch, seq, current.finished);
                    self.end.leftover = bad.leftover(&*self.storage)?;
                }
                self.chain.step_over();
                let left = self.end.leftover.is_some();
                return Ok(if left { Step::End } else { Step::Bad(damage(fault)) });
            }
        };
        current.in_bad_bytes = false;
        let certain = self.chain.is_certain();
        let base = (found.number == 1).then(|| self.end.continued_by(epoch, &decoded, certain));
        let taken = self.chain.take(&decoded).and(base.unwrap_or(Ok(())));
        current.finished |= is_terminal(&decoded.kind);
        self.end.head = self.chain.head();
        self.end.epoch = epoch;
        self.end.bytes = found.offset + bytes.len() as u64 + 1;
        self.end.finished = current.finished;
        let position = Position::of(epoch, found);
        Ok(match taken {
            Ok(()) => Step::Line(Line::new(decoded, bytes, position)),
            Err(fault) => Step::Bad(damage(fault)),
        })
    }
}

impl HistoryEnd {
    /// Whether the first line of `epoch` continues the history that ends here.
    fn continued_by(&self, epoch: Epoch, first: &Decoded<'_>, certain: bool) -> Result<(), LineFault> {
        let base = Base::of(epoch, &first.kind, first.data)?;
        let here = Base {
            epoch: self.epoch,
            seq: self.head.seq,
            hash: self.head.hash,
            bytes: self.bytes,
        };
        if base == here || (!certain && base.epoch == here.epoch) {
            return Ok(());
        }
        Err(LineFault::WrongBase {
            named: base,
            found: here,
        })
    }
}
