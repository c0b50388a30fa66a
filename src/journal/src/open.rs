//! Opens an epoch: claim, read, recover, begin.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use hpcbench_core::event::Draft;
use hpcbench_core::{Epoch, NodeId, Timestamp};
use serde_json::{Map, Value, json};

use crate::base::EPOCH_STARTED;
use crate::commit::Committer;
use crate::sequence::Sequence;
use crate::storage::Append;
use crate::{Base, Entry, HistoryEnd, JournalError, Leftover, MAX_EPOCH, MAX_QUEUED_BYTES, Reader, Storage};

/// Schema version of `epoch.started`.
const EPOCH_STARTED_VERSION: u16 = 1;

/// How long a successor waits where a file system caches look-ups (NFS: `acdirmax` is 60 s), so that the former writer has
/// seen the claim, or has acknowledged nothing since.
pub const LOOKUP_CACHE_WAIT: Duration = Duration::from_secs(65);

/// What the one who opens an epoch says and decides.
pub struct Opening<'a> {
    /// Envelope of `epoch.started`: the node.
    pub node: NodeId,
    /// Envelope of `epoch.started`: the actor.
    pub actor: String,
    /// Envelope of `epoch.started`: what it belongs to.
    pub correlation: String,
    /// Fields of `epoch.started` besides `epoch` and `base`: who writes, with what, and why.
    pub data: Map<String, Value>,
    /// The writers of this epoch and of all before are proven dead; 0 if nothing is proven. Only what a dead writer
    /// left behind is cut.
    pub dead_through: Epoch,
    /// Asked for the time of `epoch.started`.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Called after the claim if the writer of the given epoch is not proven dead: waits [`LOOKUP_CACHE_WAIT`] where look-ups
    /// are cached, else returns at once.
    pub wait: &'a mut dyn FnMut(Epoch),
    /// Gets every event of the history that this epoch continues.
    pub history: &'a mut dyn FnMut(Entry),
}

/// An epoch that has begun: its first line is durable, and no successor was there.
pub(crate) struct Begun {
    pub(crate) committer: Committer,
    pub(crate) sequence: Sequence,
    pub(crate) started: Arc<Entry>,
    pub(crate) cut: Option<Leftover>,
}

pub(crate) fn begin(storage: Arc<dyn Storage>, mut opening: Opening<'_>) -> Result<Begun, JournalError> {
    let former = storage.epochs()?.pop().unwrap_or(Epoch(0));
    let epoch = former.next();
    let file = claim(&*storage, epoch)?;
    if former > opening.dead_through {
        (opening.wait)(former);
    }
    let end = read_history(&storage, epoch, opening.history)?;
    let cut = recover(&*storage, end, opening.dead_through)?;
    let base = Base {
        epoch: end.epoch,
        seq: end.head.seq,
        hash: end.head.hash,
        bytes: end.bytes,
    };
    let mut sequence = Sequence::new(epoch, base.head());
    let draft = first_draft(&mut opening, epoch, base)?;
    let started = Arc::new(sequence.push(draft, base.seq)?);
    let mut committer = Committer::new(storage, file, epoch);
    committer
        .commit(std::slice::from_ref(&started))
        .map_err(crate::commit::Stop::into_error)?;
    Ok(Begun {
        committer,
        sequence,
        started,
        cut,
    })
}

fn claim(storage: &dyn Storage, epoch: Epoch) -> Result<Box<dyn Append>, JournalError> {
    if epoch > MAX_EPOCH {
        return Err(JournalError::TooManyEpochs);
    }
    storage.claim(epoch).map_err(|error| match error.source.kind() {
        ErrorKind::AlreadyExists => JournalError::AlreadyClaimed { epoch },
        _ => JournalError::Storage(error),
    })
}

fn read_history(
    storage: &Arc<dyn Storage>,
    below: Epoch,
    history: &mut dyn FnMut(Entry),
) -> Result<HistoryEnd, JournalError> {
    let mut reader = Reader::below(Arc::clone(storage), Some(below))?;
    for entry in reader.by_ref() {
        history(entry?);
    }
    Ok(reader.end())
}

/// Makes the history that was read durable, since a killed writer may have left it unsynced, and cuts what a crash left
/// behind it. Where the writer may live, its leftover stays, as a fenced tail.
fn recover(
    storage: &dyn Storage,
    end: HistoryEnd,
    dead_through: Epoch,
) -> Result<Option<Leftover>, JournalError> {
    if end.epoch == Epoch(0) {
        return Ok(None);
    }
    // Only the last batch can be unsynced.
    storage.harden(
        end.epoch,
        end.bytes.saturating_sub(MAX_QUEUED_BYTES as u64),
        end.bytes,
    )?;
    let Some(leftover) = end.leftover.filter(|_| end.epoch <= dead_through) else {
        return Ok(None);
    };
    storage.keep_torn(end.epoch, end.bytes)?;
    storage.truncate(end.epoch, end.bytes)?;
    Ok(Some(leftover))
}

fn first_draft(opening: &mut Opening<'_>, epoch: Epoch, base: Base) -> Result<Draft, JournalError> {
    let mut data = Map::new();
    data.insert("epoch".to_owned(), json!(epoch));
    data.insert("base".to_owned(), json!(base));
    for (key, value) in std::mem::take(&mut opening.data) {
        data.entry(key).or_insert(value);
    }
    let kind = EPOCH_STARTED.to_owned();
    let data = serde_json::value::to_raw_value(&data).map_err(|source| JournalError::Encode {
        kind: kind.clone(),
        source,
    })?;
    Ok(Draft {
        at: (opening.clock)(),
        kind,
        version: EPOCH_STARTED_VERSION,
        actor: opening.actor.clone(),
        node: opening.node.clone(),
        correlation: opening.correlation.clone(),
        causation: None,
        data,
    })
}
