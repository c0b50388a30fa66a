//! What the engine threads of a client share with each other and with whoever watches them. All of it is counters:
//! no thread ever waits for another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use hpcbench_timing::Monotonic;

use crate::engine::Timeline;

/// Counters of one client. Relaxed order is enough: each is a number of its own.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Requests that have begun; the next one's number.
    pub(crate) issued: AtomicU64,
    pub(crate) ok: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) tokens: AtomicU64,
    pub(crate) in_flight: AtomicU32,
    /// Measured requests that have not ended.
    pub(crate) measured_open: AtomicI64,
    /// Threads that can bring no more measured requests about.
    pub(crate) threads_past_window: AtomicU32,
    /// Requests that may still be sent in the window, where their number is fixed.
    tickets: AtomicU64,
    /// The last send in the window, nanoseconds since T0.
    last_send: AtomicI64,
    stop: AtomicBool,
    /// When somebody cancelled the load, on the monotonic clock; the largest number if nobody did.
    cancelled_at: AtomicI64,
}

impl Shared {
    pub(crate) fn new(tickets: u64) -> Self {
        let shared = Self::default();
        shared.tickets.store(tickets, Ordering::Relaxed);
        shared.last_send.store(i64::MIN, Ordering::Relaxed);
        shared.cancelled_at.store(i64::MAX, Ordering::Relaxed);
        shared
    }

    /// Takes the right to send one request in the window, if any is left.
    pub(crate) fn take_ticket(&self) -> bool {
        let taken = self
            .tickets
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.is_ok()
    }

    pub(crate) fn has_tickets(&self) -> bool {
        self.tickets.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn note_send(&self, since_t0: i64) {
        self.last_send.fetch_max(since_t0, Ordering::Relaxed);
    }

    /// The last send in the window, if there was one.
    pub(crate) fn last_send(&self) -> Option<i64> {
        Some(self.last_send.load(Ordering::Relaxed)).filter(|time| *time != i64::MIN)
    }

    /// Ends the load now, and the window with it if it is still open.
    pub(crate) fn cut_short(&self) {
        self.cancelled_at.fetch_min(Monotonic::now().0, Ordering::Relaxed);
        self.stop();
    }

    /// Asks all threads to end at their next turn.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// When the load was cut short, if it was.
    pub(crate) fn cancelled_at(&self) -> Option<Monotonic> {
        Some(Monotonic(self.cancelled_at.load(Ordering::Relaxed))).filter(|time| time.0 != i64::MAX)
    }
}

/// Ends a load when it is dropped, be it with the load's handle or by an engine thread that panics.
#[derive(Debug)]
pub(crate) struct StopOnDrop(Option<Arc<Shared>>);

impl StopOnDrop {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self(Some(Arc::clone(shared)))
    }

    /// All went well: the load goes on.
    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.stop();
        }
    }
}

/// Ends a running load from anywhere.
#[derive(Debug, Clone)]
pub struct CancelHandle {
    pub(crate) shared: Arc<Shared>,
}

impl CancelHandle {
    /// Ends the load within some ten milliseconds: nothing more is sent, and what is in flight is recorded as cancelled.
    pub fn cancel(&self) {
        self.shared.cut_short();
    }
}

/// Part of a trial's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before the start of the load.
    Waiting,
    /// Before T1.
    Warmup,
    /// In [T1, T2).
    Window,
    /// After T2.
    Cooldown,
}

/// How far a running load has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Part of the trial's time.
    pub stage: Stage,
    /// Requests running now.
    pub in_flight: u32,
    /// Requests that have begun.
    pub issued: u64,
    /// Requests that succeeded.
    pub ok: u64,
    /// Requests that failed or timed out.
    pub errors: u64,
    /// Requests that we stopped.
    pub cancelled: u64,
    /// Output tokens of ended requests, by usage where the server gave it.
    pub tokens: u64,
    /// Seconds to the window's end; `None` where a number of requests ends it.
    pub seconds_left: Option<f64>,
}

impl Progress {
    pub(crate) fn of(shared: &Shared, timeline: &Timeline, now: Monotonic) -> Self {
        let stage = match timeline.t2() {
            _ if now < timeline.t0 => Stage::Waiting,
            _ if now < timeline.t1 => Stage::Warmup,
            Some(t2) if now >= t2 => Stage::Cooldown,
            None if !shared.has_tickets() => Stage::Cooldown,
            _ => Stage::Window,
        };
        let left = timeline.t2().map(|t2| t2.nanos_since(now).max(0) as f64 / 1e9);
        Self {
            stage,
            in_flight: shared.in_flight.load(Ordering::Relaxed),
            issued: shared.issued.load(Ordering::Relaxed),
            ok: shared.ok.load(Ordering::Relaxed),
            errors: shared.errors.load(Ordering::Relaxed),
            cancelled: shared.cancelled.load(Ordering::Relaxed),
            tokens: shared.tokens.load(Ordering::Relaxed),
            seconds_left: left,
        }
    }
}
