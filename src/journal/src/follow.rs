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
use crate::{Base, CheckedLine, Damage, Entry, Head, JournalError, LineFault, Position};

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
    /// How far the files before the current one were read, in history order.
    left: Vec<Place>,
}

/// How far a file was read.
#[derive(Debug, Clone, Copy)]
struct Place {
    epoch: Epoch,
    /// Lines read.
    lines: u64,
    /// Bytes read.
    bytes: u64,
    /// The last event read.
    head: Head,
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
            left: Vec::new(),
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
                let lineage = Lineage::read(&*self.storage, None)?;
                let Some(first) = lineage.segments.first() else {
                    return Ok(None);
                };
                self.go_to(first, Place::start_of(first.epoch, Head::EMPTY))?;
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

    /// Goes on with a file after what was read of it.
    fn go_to(&mut self, segment: &Segment, place: Place) -> Result<(), JournalError> {
        let base = segment.end.base();
        let file = self.storage.open(segment.epoch)?;
        let lines = Lines::from(file, base.map(|base| base.bytes), place.lines + 1, place.bytes);
        self.current = Some(Current {
            epoch: segment.epoch,
            base,
            lines,
        });
        self.chain = Chain::after(place.head);
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
        let position = Position::of(current.epoch, &found);
        Ok(Some(
            CheckedLine::from(Line::new(decoded, bytes, position)).into(),
        ))
    }

    /// A bad line is left to be read again if it may be a write that is under way, or that a crash cut off.
    fn bad_line(&mut self, found: &Found, damage: Damage) -> Result<(), JournalError> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let bad = BadBytes::at(found, current.epoch, damage.seq, false);
        if current.base.is_some() || bad.leftover(&*self.storage)?.is_none() {
            return Err(damage.into());
        }
        current.lines = Lines::from(self.storage.open(bad.epoch)?, None, bad.line, bad.offset);
        Ok(())
    }

    /// Looks whether another epoch began, and goes on where its history and what was read part.
    fn turn_to_successor(&mut self) -> Result<Turn, JournalError> {
        let Some(current) = &mut self.current else {
            return Ok(Turn::Stay);
        };
        if self.storage.higher_than(current.epoch)?.is_none() {
            return Ok(Turn::Stay);
        }
        let Lineage { segments, .. } = Lineage::read(&*self.storage, None)?;
        let here = current.place(self.chain.head());
        let read = |segment: &Segment| {
            let places = self.left.iter().chain([&here]);
            places.copied().find(|place| place.epoch == segment.epoch)
        };
        let common = segments
            .iter()
            .enumerate()
            .rev()
            .find_map(|(at, segment)| Some((at, read(segment)?)));
        let Some((at, place)) = common else {
            self.left.clear();
            return self.part(segments.first(), None, here.head.seq);
        };
        let (at, place) = match segments[at].end {
            End::Base(base) if base.bytes <= place.bytes => {
                self.left.retain(|left| left.epoch < place.epoch);
                self.left.push(Place {
                    bytes: base.bytes,
                    head: base.head(),
                    ..place
                });
                (at + 1, None)
            }
            End::Unknown => {
                self.left.retain(|left| left.epoch < place.epoch);
                self.left.push(place);
                (at + 1, None)
            }
            End::Base(_) | End::Open if place.epoch < current.epoch => (at, Some(place)),
            End::Base(base) if current.base != Some(base) => {
                current.base = Some(base);
                current.lines.set_limit(base.bytes);
                return Ok(Turn::Moved);
            }
            End::Base(_) | End::Open => return Ok(Turn::Stay),
        };
        self.part(segments.get(at), place, here.head.seq)
    }

    /// Goes on with `segment`, at `place` or its beginning, after events up to `seen` were read.
    fn part(
        &mut self,
        segment: Option<&Segment>,
        place: Option<Place>,
        seen: Seq,
    ) -> Result<Turn, JournalError> {
        let Some(segment) = segment else {
            return Ok(Turn::Stay);
        };
        let before = self.left.last().map_or(Head::EMPTY, |left| left.head);
        let place = place.unwrap_or_else(|| Place::start_of(segment.epoch, before));
        self.left.retain(|left| left.epoch < segment.epoch);
        self.go_to(segment, place)?;
        let from = place.head.seq.next();
        Ok(if seen >= from {
            Turn::Discarded { from }
        } else {
            Turn::Moved
        })
    }
}

impl Place {
    fn start_of(epoch: Epoch, head: Head) -> Self {
        Self {
            epoch,
            lines: 0,
            bytes: 0,
            head,
        }
    }
}

impl Current {
    fn place(&self, head: Head) -> Place {
        Place {
            epoch: self.epoch,
            lines: self.lines.number(),
            bytes: self.lines.offset(),
            head,
        }
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
