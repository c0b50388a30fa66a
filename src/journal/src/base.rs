//! The first line of an epoch: which history it continues.

use hpcbench_core::{Epoch, Seq};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Head, LineFault, LineHash};

/// The type of an epoch's first event.
pub(crate) const EPOCH_STARTED: &str = "epoch.started";

/// The accepted end of the history before an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The epoch whose file holds the last accepted event; 0 if there is no event before.
    pub epoch: Epoch,
    /// The last accepted event; 0 if there is none.
    pub seq: Seq,
    /// The hash of its line.
    pub hash: LineHash,
    /// The length of the accepted part of that file; what follows is a fenced tail.
    pub bytes: u64,
}

impl Base {
    /// The base of a run's first events.
    pub const NONE: Self = Self {
        epoch: Epoch(0),
        seq: Seq(0),
        hash: LineHash::EMPTY,
        bytes: 0,
    };

    pub(crate) fn head(&self) -> Head {
        Head {
            seq: self.seq,
            hash: self.hash,
        }
    }

    /// Reads the base from the first line of the file of `epoch`.
    pub(crate) fn of(epoch: Epoch, kind: &str, data: &RawValue) -> Result<Self, LineFault> {
        #[derive(Deserialize)]
        struct Started {
            base: Base,
        }
        let fault = |reason: String| LineFault::NoBase { reason };
        if kind != EPOCH_STARTED {
            return Err(fault(format!("its type is {kind}")));
        }
        let started: Started =
            serde_json::from_str(data.get()).map_err(|error| fault(format!("its data: {error}")))?;
        let base = started.base;
        if base.epoch >= epoch {
            return Err(fault(format!(
                "epoch {epoch} cannot continue epoch {}",
                base.epoch
            )));
        }
        if base.epoch.0 == 0 && base != Self::NONE {
            return Err(fault("there is no epoch 0, but events in it".to_owned()));
        }
        Ok(base)
    }
}
