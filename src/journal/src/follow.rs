//! Follows a log that grows, by polling: other nodes' writes raise no file notifications.

use std::path::Path;
use std::sync::Arc;

use hpcbench_core::{Epoch, Seq};

use crate::chain::Chain;
use crate::line::{MAX_LINE_BYTES, decode};
use crate::lineage::{End, Lineage, Segment};
use crate::lines::{Ending, Found, Lines};
use crate::scan::Line;
use crate::storage::{DirStorage, Storage};
use crate::tail::BadBytes;
use crate::{Base, Damage, Entry, Head, JournalError, LineFault, Position};

/// What a follower sees.
#[derive(Debug, Clone)]
pub enum Followed {
    /// The next event. The latest ones may not be acknowledged yet.
    Event(Arc<Entry>),
    /// A new writer went on without events that were seen already: those from `from` on never happened. Only
    /// unacknowledged events can be discarded.
    Discarded {
        /// The first event discarded.
        from: Seq,
    },
}

/// Reads a run's events as they are appended, over all epochs, from the first.
pub struct Follower {
    storage: Arc<dyn Storage>,
    current: Option<Current>,
    chain: Chain,
}

struct Current {
    epoch: Epoch,
    /// Where its part in the history ends, if a later epoch began.
    base: Option<Base>,
    lines: Lines,
}

impl Follower {
    /// Follows the log in `run_dir`, which need not exist yet.
    pub fn new(run_dir: &Path) -> Self {
        Self::over(Arc::new(DirStorage::new(run_dir)))
    }

    /// Follows the log in `storage`.
    pub fn over(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            current: None,
            chain: Chain::after(Head::EMPTY),
        }
    }

    /// What is new; `None` if nothing is at the moment.
    ///
    /// # Errors
    ///
    /// `Damaged` if the log does not verify, `Storage` if it cannot be read. After `Storage`, polling may go on.
    pub fn poll(&mut self) -> Result<Option<Followed>, JournalError> {
        loop {
            if self.current.is_none() {
                let first = Lineage::read(&*self.storage, None)?.segments.into_iter().next();
                let Some(first) = first else { return Ok(None) };
                self.begin(&first)?;
            }
            if let Some(entry) = self.next_line()? {
                return Ok(Some(Followed::Event(Arc::new(entry))));
            }
            match self.turn_to_successor()? {
                Turn::Stay => return Ok(None),
                Turn::Moved => {}
                Turn::Discarded { from } => return Ok(Some(Followed::Discarded { from })),
            }
        }
    }

    fn begin(&mut self, segment: &Segment) -> Result<(), JournalError> {
        let base = match segment.end {
            End::Base(base) => Some(base),
            End::Open | End::Unknown => None,
        };
        let lines = Lines::new(self.storage.open(segment.epoch)?, base.map(|base| base.bytes));
        self.current = Some(Current {
            epoch: segment.epoch,
            base,
            lines,
        });
        Ok(())
    }

    fn next_line(&mut self) -> Result<Option<Entry>, JournalError> {
        let Some(current) = &mut self.current else {
            return Ok(None);
        };
        let Some(found) = current.lines.next()? else {
            return Ok(None);
        };
        let seq = self.chain.next_seq();
        let bytes = current.lines.bytes(&found);
        let line = match found.ending {
            Ending::Newline => decode(bytes),
            Ending::Nothing => return Ok(None),
            Ending::TooLong => Err(LineFault::TooLong {
                limit: MAX_LINE_BYTES,
            }),
        };
        let damage = |fault| Damage {
            epoch: current.epoch,
            line: found.number,
            seq,
            fault,
        };
        let decoded = match line {
            Ok(decoded) => decoded,
            Err(fault) => {
                let damage = damage(fault);
                return self.bad_line(&found, damage).map(|()| None);
            }
        };
        self.chain.take(&decoded).map_err(damage)?;
        let position = Position {
            epoch: current.epoch,
            line: found.number,
            offset: found.offset,
        };
        Ok(Some(Entry::of(&Line {
            decoded,
            bytes,
            position,
        })))
    }

    /// A bad line is left to be read again if it may be a write that is under way, or that a crash cut off.
    fn bad_line(&mut self, found: &Found, damage: Damage) -> Result<(), JournalError> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let (epoch, line, offset, seq) = (current.epoch, found.number, found.offset, damage.seq);
        let bad = BadBytes {
            epoch,
            line,
            offset,
            seq,
            finished: false,
        };
        if current.base.is_some() || bad.leftover(&*self.storage)?.is_none() {
            return Err(damage.into());
        }
        current.lines = Lines::from(self.storage.open(epoch)?, None, line, offset);
        Ok(())
    }

    fn turn_to_successor(&mut self) -> Result<Turn, JournalError> {
        let Some(current) = &mut self.current else {
            return Ok(Turn::Stay);
        };
        if self.storage.higher_than(current.epoch)?.is_none() {
            return Ok(Turn::Stay);
        }
        let mut segments = Lineage::read(&*self.storage, None)?
            .segments
            .into_iter()
            .peekable();
        let mut here = None;
        while let Some(segment) = segments.next_if(|segment| segment.epoch <= current.epoch) {
            here = Some(segment);
        }
        let Some(next) = segments.next() else {
            return Ok(Turn::Stay);
        };
        let seen = self.chain.head().seq;
        match here.map(|here| (here.epoch, here.end)) {
            Some((epoch, End::Base(base)))
                if epoch == current.epoch && base.bytes > current.lines.offset() =>
            {
                let grown = current.base.is_none();
                current.base = Some(base);
                current.lines.set_limit(Some(base.bytes));
                return Ok(if grown { Turn::Moved } else { Turn::Stay });
            }
            Some((_, End::Base(base))) => self.chain = Chain::after(base.head()),
            Some(_) => {}
            None => self.chain = Chain::after(Head::EMPTY),
        }
        self.begin(&next)?;
        let from = self.chain.next_seq();
        Ok(if seen >= from {
            Turn::Discarded { from }
        } else {
            Turn::Moved
        })
    }
}

enum Turn {
    /// Nothing follows yet.
    Stay,
    /// There may be more to read now.
    Moved,
    Discarded {
        from: Seq,
    },
}
