//! A simulated disk for tests: it forgets what was not synced, tears the last write, loses blocks out of the middle of
//! a batch, fails syncs, and stops in the middle of anything. Everything follows from a seed.

mod file;
mod rng;

pub use rng::Rng;

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hpcbench_core::Epoch;

use crate::storage::{Append, ReadAt, Storage, StorageError, epoch_file};
use file::SimFile;

/// A run's log on a simulated disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    files: BTreeMap<Epoch, SimFile>,
    torn: BTreeMap<Epoch, Vec<u8>>,
    faults_per_mille: u64,
    /// Operations that change something until the machine stops.
    until_halt: Option<u64>,
}

/// How far an operation comes.
enum Fate {
    Done,
    /// It reports an error, and has been done in part.
    Fails,
    /// The machine has stopped: nothing is done.
    Halted,
}

impl SimDisk {
    /// An empty disk whose behaviour follows from `seed`.
    pub fn new(seed: u64) -> Self {
        let state = State {
            rng: Rng::new(seed),
            files: BTreeMap::new(),
            torn: BTreeMap::new(),
            faults_per_mille: 0,
            until_halt: None,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Lets so many of 1,000 operations that change something fail from now on.
    pub fn fail_per_mille(&self, faults: u64) {
        self.lock().faults_per_mille = faults;
    }

    /// Stops the machine at the operation after `operations` more that change something: it is done in part, and all
    /// later operations fail, reading too.
    pub fn halt_after(&self, operations: u64) {
        self.lock().until_halt = Some(operations);
    }

    /// Whether the machine has stopped.
    pub fn is_halted(&self) -> bool {
        self.lock().until_halt == Some(0)
    }

    /// All processes were killed, but the machine lives: what was written is there, synced or not.
    pub fn restart(&self) {
        self.lock().until_halt = None;
    }

    /// The power failed and is back: of what was not synced, anything may be lost.
    pub fn power_cut(&self) {
        let mut state = self.lock();
        let State {
            rng,
            files,
            until_halt,
            ..
        } = &mut *state;
        *until_halt = None;
        files.retain(|_, file| file.survives(rng));
    }

    /// The bytes of an epoch's file as a reader sees them.
    pub fn contents(&self, epoch: Epoch) -> Option<Vec<u8>> {
        self.lock().files.get(&epoch).map(|file| file.bytes().to_vec())
    }

    /// Replaces the bytes of an epoch's file, durably.
    pub fn overwrite(&self, epoch: Epoch, bytes: Vec<u8>) {
        self.lock().files.insert(epoch, SimFile::durable(bytes));
    }

    /// What was kept when the epoch's torn end was cut.
    pub fn torn(&self, epoch: Epoch) -> Option<Vec<u8>> {
        self.lock().torn.get(&epoch).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state for an operation that changes nothing.
    fn reading(&self, action: &'static str, epoch: Epoch) -> Result<MutexGuard<'_, State>, StorageError> {
        let state = self.lock();
        if state.until_halt == Some(0) {
            Err(refusal(action, epoch))
        } else {
            Ok(state)
        }
    }

    /// Does `action` on the file of `epoch`, in part if it is to fail.
    fn change(
        &self,
        action: &'static str,
        epoch: Epoch,
        how: impl FnOnce(&mut SimFile, &mut Rng, bool),
    ) -> Result<(), StorageError> {
        let mut state = self.lock();
        let fate = state.fate();
        let State { rng, files, .. } = &mut *state;
        let file = files.get_mut(&epoch).ok_or_else(|| missing(action, epoch))?;
        match fate {
            Fate::Done => how(file, rng, true),
            Fate::Fails => how(file, rng, false),
            Fate::Halted => {}
        }
        if matches!(fate, Fate::Done) {
            Ok(())
        } else {
            Err(refusal(action, epoch))
        }
    }
}

impl State {
    fn fate(&mut self) -> Fate {
        match &mut self.until_halt {
            Some(0) => return Fate::Halted,
            Some(left) => {
                *left -= 1;
                if *left == 0 {
                    return Fate::Fails;
                }
            }
            None => {}
        }
        if self.rng.below(1_000) < self.faults_per_mille {
            Fate::Fails
        } else {
            Fate::Done
        }
    }
}

fn error(action: &'static str, epoch: Epoch, source: Error) -> StorageError {
    StorageError {
        action,
        path: PathBuf::from(epoch_file(epoch)),
        source,
    }
}

fn refusal(action: &'static str, epoch: Epoch) -> StorageError {
    error(action, epoch, Error::other("simulated fault"))
}

fn missing(action: &'static str, epoch: Epoch) -> StorageError {
    error(action, epoch, ErrorKind::NotFound.into())
}

impl Storage for SimDisk {
    fn epochs(&self) -> Result<Vec<Epoch>, StorageError> {
        Ok(self.reading("list", Epoch(0))?.files.keys().copied().collect())
    }

    fn claim(&self, epoch: Epoch) -> Result<Box<dyn Append>, StorageError> {
        let mut state = self.lock();
        if state.files.contains_key(&epoch) {
            return Err(error("create", epoch, ErrorKind::AlreadyExists.into()));
        }
        match state.fate() {
            Fate::Done => state.files.insert(epoch, SimFile::durable(Vec::new())),
            Fate::Fails if state.rng.coin() => state.files.insert(epoch, SimFile::unsynced_name()),
            Fate::Fails | Fate::Halted => None,
        };
        if !state.files.get(&epoch).is_some_and(SimFile::has_durable_name) {
            return Err(refusal("create", epoch));
        }
        Ok(Box::new(SimAppend {
            disk: self.clone(),
            epoch,
        }))
    }

    fn open(&self, epoch: Epoch) -> Result<Box<dyn ReadAt>, StorageError> {
        let state = self.reading("open", epoch)?;
        state.files.get(&epoch).ok_or_else(|| missing("open", epoch))?;
        Ok(Box::new(SimReadAt {
            disk: self.clone(),
            epoch,
        }))
    }

    fn harden(&self, epoch: Epoch, from: u64, to: u64) -> Result<(), StorageError> {
        self.change("sync", epoch, |file, rng, done| {
            file.rewrite(from as usize, to as usize);
            file.sync(rng, done);
        })
    }

    fn keep_torn(&self, epoch: Epoch, from: u64) -> Result<(), StorageError> {
        let mut kept = None;
        let result = self.change("keep the torn end of", epoch, |file, rng, done| {
            let torn = file.bytes().get(from as usize..).unwrap_or_default();
            let length = if done {
                torn.len()
            } else {
                rng.below(torn.len() as u64 + 1) as usize
            };
            kept = Some(torn[..length].to_vec());
        });
        if let Some(kept) = kept {
            self.lock().torn.insert(epoch, kept);
        }
        result
    }

    fn truncate(&self, epoch: Epoch, bytes: u64) -> Result<(), StorageError> {
        self.change("truncate", epoch, |file, rng, done| {
            file.truncate(bytes as usize, rng, done);
        })
    }
}

struct SimAppend {
    disk: SimDisk,
    epoch: Epoch,
}

impl Append for SimAppend {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.disk.change("append to", self.epoch, |file, rng, done| {
            let length = if done {
                bytes.len()
            } else {
                rng.below(bytes.len() as u64 + 1) as usize
            };
            file.append(&bytes[..length]);
        })
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.disk.change("sync", self.epoch, SimFile::sync)
    }
}

struct SimReadAt {
    disk: SimDisk,
    epoch: Epoch,
}

impl SimReadAt {
    fn file<T>(&self, look: impl FnOnce(&[u8]) -> T) -> Result<T, StorageError> {
        let state = self.disk.reading("read", self.epoch)?;
        state
            .files
            .get(&self.epoch)
            .map(|file| look(file.bytes()))
            .ok_or_else(|| missing("read", self.epoch))
    }
}

impl ReadAt for SimReadAt {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError> {
        self.file(|bytes| {
            let rest = bytes.get(offset as usize..).unwrap_or_default();
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            length
        })
    }

    fn size(&self) -> Result<u64, StorageError> {
        self.file(|bytes| bytes.len() as u64)
    }
}
