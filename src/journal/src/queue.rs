//! What waits for the disk, between the one who appends and the writer's thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hpcbench_core::Seq;

use crate::commit::Stop;
use crate::{Entry, JournalError};

/// Most lines that wait for the disk.
pub const MAX_QUEUED_LINES: usize = 65_536;
/// Most bytes that wait for the disk. As much again may be on its way to it.
pub const MAX_QUEUED_BYTES: usize = 64 << 20;

/// How long the writer's thread looks for more before it sleeps. What follows from a batch is appended within
/// microseconds, and to wake a thread takes tens of them where an idle processor has to be woken too.
const LOOK: Duration = Duration::from_micros(50);

#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Something has changed since the writer's thread looked: a hint, to be checked under the lock.
    hint: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Arc<Entry>>,
    bytes: usize,
    /// The writer's thread sleeps: it has to be woken. Else it looks by itself.
    asleep: bool,
    /// The highest seq that was synced and not fenced.
    durable: Seq,
    phase: Phase,
}

#[derive(Debug, Default, Clone)]
enum Phase {
    #[default]
    Open,
    /// What waits is still written; nothing more is taken.
    Closing,
    Stopped(Stop),
    /// The writer's thread has ended.
    Ended,
}

impl Phase {
    fn refuses(&self) -> Result<(), JournalError> {
        match self {
            Self::Open => Ok(()),
            Self::Closing | Self::Ended => Err(JournalError::Closed),
            Self::Stopped(stop) => Err(stop.clone().into_error()),
        }
    }
}

impl Queue {
    pub(crate) fn new(durable: Seq) -> Self {
        let state = State {
            durable,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            hint: AtomicBool::new(false),
        }
    }

    // No code that can panic runs under the lock, so a poisoned lock still guards a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The highest seq known to be synced, or why nothing more is taken.
    pub(crate) fn durable(&self) -> Result<Seq, JournalError> {
        let state = self.lock();
        state.phase.refuses().map(|()| state.durable)
    }

    /// Takes all `entries`, or none.
    pub(crate) fn push(&self, entries: &[Arc<Entry>]) -> Result<(), JournalError> {
        let bytes: usize = entries.iter().map(|entry| entry.line.len() + 1).sum();
        let mut state = self.lock();
        state.phase.refuses()?;
        if state.entries.len() + entries.len() > MAX_QUEUED_LINES || state.bytes + bytes > MAX_QUEUED_BYTES {
            return Err(JournalError::QueueFull {
                lines: state.entries.len(),
                bytes: state.bytes,
            });
        }
        state.entries.extend_from_slice(entries);
        state.bytes += bytes;
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.changed.notify_one();
        } else {
            self.hint.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Waits for entries and takes all that are there; `None` when the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<Vec<Arc<Entry>>> {
        let mut state = self.lock();
        if state.entries.is_empty() && matches!(state.phase, Phase::Open) {
            self.hint.store(false, Ordering::Release);
            drop(state);
            self.look();
            state = self.lock();
        }
        while state.entries.is_empty() {
            if !matches!(state.phase, Phase::Open) {
                return None;
            }
            state.asleep = true;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.bytes = 0;
        Some(std::mem::take(&mut state.entries))
    }

    /// Waits a moment for the hint, awake.
    fn look(&self) {
        let until = Instant::now() + LOOK;
        while !self.hint.load(Ordering::Acquire) && Instant::now() < until {
            std::hint::spin_loop();
        }
    }

    pub(crate) fn synced(&self, through: Seq) {
        self.lock().durable = through;
    }

    pub(crate) fn close(&self) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Closing;
        }
        drop(state);
        self.hint.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(crate) fn stop(&self, stop: Stop) {
        let mut state = self.lock();
        state.phase = Phase::Stopped(stop);
        state.entries = Vec::new();
        state.bytes = 0;
    }

    /// The thread is gone.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Stopped(_)) {
            state.phase = Phase::Ended;
        }
    }

    /// Why the writer stopped, if it did.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        match &self.lock().phase {
            Phase::Stopped(stop) => Some(stop.clone()),
            Phase::Open | Phase::Closing | Phase::Ended => None,
        }
    }
}
