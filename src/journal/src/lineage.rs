//! Which files, and how much of each, make up the history.
//!
//! Every epoch's first line names where the history ended before it. So the history is found from the end: the
//! highest epoch that began, then the epoch it continues, up to where it continues it, and so on.
//!
//! ```text
//! 000001.jsonl  ████████████░░░░      ░ fenced tail: written after epoch 3 had claimed
//! 000002.jsonl  (no line)             abandoned claim
//! 000003.jsonl  ████████████████████
//! ```

use std::fmt;

use hpcbench_core::{Epoch, Seq};

use crate::base::Base;
use crate::line::decode;
use crate::lines::{Ending, Lines};
use crate::storage::{Storage, StorageError, epoch_file};
use crate::tail::BadBytes;

/// A file's part in the history.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) epoch: Epoch,
    pub(crate) end: End,
}

/// Where a file's part ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is the last: its end is to be found.
    Open,
    /// Where the next segment's first line says.
    Base(Base),
    /// The next segment's first line is damaged, so that its base is unknown.
    Unknown,
}

impl End {
    pub(crate) fn base(self) -> Option<Base> {
        match self {
            Self::Base(base) => Some(base),
            Self::Open | Self::Unknown => None,
        }
    }
}

/// A file, or a part of one, that is not history, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aside {
    /// Claimed, but its first line never became complete.
    AbandonedClaim { epoch: Epoch },
    /// Its first line was lost with the batch, before anybody was told of it.
    LostClaim { epoch: Epoch },
    /// Its history was not continued: the next epoch had been claimed before it began.
    FencedFile { epoch: Epoch },
    /// Written after the next epoch had been claimed.
    FencedTail { epoch: Epoch, from: u64, bytes: u64 },
}

/// The files of a run, in history order.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    pub(crate) segments: Vec<Segment>,
    pub(crate) asides: Vec<Aside>,
}

enum FirstLine {
    Missing,
    Lost,
    Started(Base),
    /// Its sum is wrong: lost or damaged.
    Unreadable,
    /// It does not begin an epoch.
    NoBase,
}

impl Lineage {
    /// Reads the first lines of all epochs below `below`.
    pub(crate) fn read(storage: &dyn Storage, below: Option<Epoch>) -> Result<Self, StorageError> {
        let mut firsts = Vec::new();
        for epoch in storage
            .epochs()?
            .into_iter()
            .filter(|epoch| below.is_none_or(|below| *epoch < below))
        {
            firsts.push((epoch, first_line(storage, epoch)?));
        }
        Self::settle_last(storage, &mut firsts)?;
        Ok(Self::trace(&firsts))
    }

    /// An unreadable first line of the last file that began is a lost batch if nothing follows that knows of it.
    fn settle_last(storage: &dyn Storage, firsts: &mut [(Epoch, FirstLine)]) -> Result<(), StorageError> {
        let last = firsts
            .iter_mut()
            .rev()
            .find(|(_, first)| !matches!(first, FirstLine::Missing));
        if let Some((epoch, first @ FirstLine::Unreadable)) = last {
            // Whoever wrote a second line knew that the first was synced: any readable line means damage.
            let bad = BadBytes {
                epoch: *epoch,
                line: 1,
                offset: 0,
                seq: Seq(0),
                finished: false,
            };
            if bad.leftover(storage)?.is_some() {
                *first = FirstLine::Lost;
            }
        }
        Ok(())
    }

    fn trace(firsts: &[(Epoch, FirstLine)]) -> Self {
        let mut segments: Vec<Segment> = Vec::new();
        let mut end = End::Open;
        let mut fenced = Vec::new();
        for (epoch, first) in firsts.iter().rev() {
            if matches!(first, FirstLine::Missing | FirstLine::Lost) {
                continue;
            }
            if let End::Base(base) = end
                && base.epoch < *epoch
            {
                fenced.push(*epoch);
                continue;
            }
            segments.push(Segment { epoch: *epoch, end });
            end = match first {
                FirstLine::Started(base) => End::Base(*base),
                _ => End::Unknown,
            };
        }
        segments.reverse();
        let asides = firsts.iter().filter_map(|&(epoch, ref first)| match first {
            FirstLine::Missing => Some(Aside::AbandonedClaim { epoch }),
            FirstLine::Lost => Some(Aside::LostClaim { epoch }),
            _ => fenced.contains(&epoch).then_some(Aside::FencedFile { epoch }),
        });
        Self {
            asides: asides.collect(),
            segments,
        }
    }
}

fn first_line(storage: &dyn Storage, epoch: Epoch) -> Result<FirstLine, StorageError> {
    let mut lines = Lines::new(storage.open(epoch)?, None);
    let Some(found) = lines.next()? else {
        return Ok(FirstLine::Missing);
    };
    Ok(match found.ending {
        Ending::Nothing => FirstLine::Missing,
        Ending::TooLong => FirstLine::Unreadable,
        Ending::Newline => match decode(lines.bytes(&found)) {
            Ok(line) => Base::of(epoch, &line.kind, line.data).map_or(FirstLine::NoBase, FirstLine::Started),
            Err(_) => FirstLine::Unreadable,
        },
    })
}

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::AbandonedClaim { epoch } => {
                write!(
                    f,
                    "{}: an abandoned claim without a complete line",
                    epoch_file(epoch)
                )
            }
            Self::LostClaim { epoch } => {
                write!(
                    f,
                    "{}: a claim whose first line was lost in a crash",
                    epoch_file(epoch)
                )
            }
            Self::FencedFile { epoch } => write!(
                f,
                "{}: a fenced tail as a whole: a later epoch had been claimed before this one began",
                epoch_file(epoch)
            ),
            Self::FencedTail { epoch, from, bytes } => write!(
                f,
                "{}: a fenced tail: {bytes} bytes after byte {from} were not there when a later epoch began",
                epoch_file(epoch)
            ),
        }
    }
}
