//! Watching a load, and waiting for its end.

use std::any::Any;
use std::sync::Arc;
use std::thread::JoinHandle;

use hpcbench_stats::{EngineReport, StampSource, Window};
use hpcbench_timing::{ClockReading, Monotonic, StampKeeper};

use crate::awake::Awake;
use crate::engine::{EngineError, ThreadOutcome, Timeline, WindowEnd};
use crate::outcome::{LoadError, LoadFailure, Outcome};
use crate::shared::{CancelHandle, Progress, Shared, StopOnDrop};
use crate::writer::Written;

/// A load that has been started. Dropping it ends the load.
#[derive(Debug)]
pub struct Running {
    pub(crate) shared: Arc<Shared>,
    pub(crate) timeline: Timeline,
    pub(crate) clock: ClockReading,
    pub(crate) threads: Vec<JoinHandle<Result<ThreadOutcome, EngineError>>>,
    pub(crate) writer: JoinHandle<Written>,
    pub(crate) stamps: StampSource,
    pub(crate) cores: Vec<usize>,
    pub(crate) seed: u64,
    pub(crate) tokenizer_hash: Option<String>,
    /// Cores stay awake until the end, where they are to.
    pub(crate) _awake: Option<Awake>,
    /// Kernel stamps stay on until the end.
    pub(crate) _keeper: Option<StampKeeper>,
    pub(crate) _stop: StopOnDrop,
}

impl Running {
    /// How far the load has come. Cheap: a few counters are read.
    pub fn progress(&self) -> Progress {
        Progress::of(&self.shared, &self.timeline, Monotonic::now())
    }

    /// Ends the load from anywhere, as often as one likes.
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Ends the load: see [`CancelHandle::cancel`].
    pub fn cancel(&self) {
        self.cancel_handle().cancel();
    }

    /// Whether the load has ended, so that [`join`](Self::join) does not wait for it.
    pub fn is_finished(&self) -> bool {
        self.writer.is_finished() && self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits for the end of the load.
    ///
    /// # Errors
    /// It ended early: see [`LoadError`]. What was measured until then comes with the reason.
    pub fn join(self) -> Result<Outcome, LoadFailure> {
        let mut outcomes = Vec::new();
        let mut failure = None;
        for (thread, handle) in self.threads.into_iter().enumerate() {
            match join_thread(thread as u16, handle) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => failure = Some(failure.take().unwrap_or(error)),
            }
        }
        let written = self.writer.join().map_err(|panic| LoadFailure {
            reason: LoadError::Writer {
                message: message_of(panic.as_ref()),
            },
            kept: None,
        })?;
        // Where records could not be written, threads only saw that the writer had ended.
        let failure = written.failure.map(LoadError::from).or(failure);
        let window = window(&self.timeline, &self.shared);
        let mut engine = EngineReport::empty(self.stamps);
        for outcome in outcomes {
            engine.merge(&outcome.into_report(window));
        }
        let outcome = Outcome {
            files: written.files,
            t0_realtime: self.timeline.t0.0.saturating_add(self.clock.offset_nanos()),
            t0_error: self.clock.width_nanos().unsigned_abs().div_ceil(2),
            window,
            cancelled: self.shared.cancelled_at().is_some(),
            engine,
            cores: self.cores,
            seed: self.seed,
            tokenizer_hash: self.tokenizer_hash,
        };
        match failure {
            None => Ok(outcome),
            Some(reason) => Err(LoadFailure {
                reason,
                kept: Some(Box::new(outcome)),
            }),
        }
    }
}

fn join_thread(
    thread: u16,
    handle: JoinHandle<Result<ThreadOutcome, EngineError>>,
) -> Result<ThreadOutcome, LoadError> {
    match handle.join() {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(EngineError::Poll(source))) => Err(LoadError::Poll { thread, source }),
        Ok(Err(EngineError::DiskTooSlow)) => Err(LoadError::DiskTooSlow { thread }),
        Ok(Err(EngineError::WriterEnded)) => Err(LoadError::Writer {
            message: "it took no more records and gave no reason".into(),
        }),
        Err(panic) => Err(LoadError::Panicked {
            thread,
            message: message_of(panic.as_ref()),
        }),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

/// The window as it was: a number of requests ends it with the last send, which is still inside; so does somebody who
/// cancels the load.
fn window(timeline: &Timeline, shared: &Shared) -> Window {
    let t1 = timeline.since_t0(timeline.t1);
    let cancelled = shared.cancelled_at().map(|at| timeline.since_t0(at));
    let planned = match timeline.end {
        WindowEnd::At { t2, .. } => timeline.since_t0(t2),
        WindowEnd::LastSend => shared.last_send().map_or(t1, |last| last.saturating_add(1)),
    };
    Window {
        t1,
        t2: cancelled.map_or(planned, |at| at.min(planned)).max(t1),
        drained: timeline.end == WindowEnd::LastSend && cancelled.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use hpcbench_records::WriteError;

    use super::*;
    use crate::spec::{Cooldown, Length};

    fn running(length: Length) -> Running {
        let shared = Arc::new(Shared::new(0));
        Running {
            timeline: Timeline::new(Monotonic(1_000), Duration::ZERO, length, Duration::from_secs(1)),
            clock: ClockReading::take(),
            threads: Vec::new(),
            writer: thread::spawn(Written::default),
            stamps: StampSource::Kernel,
            cores: Vec::new(),
            seed: 1,
            tokenizer_hash: None,
            _awake: None,
            _keeper: None,
            _stop: StopOnDrop::new(&shared),
            shared,
        }
    }

    #[test]
    fn a_panic_is_reported_and_does_not_hang() {
        let mut load = running(Length::Requests(1));
        let guard = StopOnDrop::new(&load.shared);
        load.threads.push(thread::spawn(move || {
            let _guard = guard;
            panic!("on purpose")
        }));
        let shared = Arc::clone(&load.shared);
        let error = load.join().unwrap_err().reason;
        assert!(
            matches!(&error, LoadError::Panicked { thread: 0, message } if message == "on purpose"),
            "{error}"
        );
        assert!(shared.is_stopped());
    }

    #[test]
    fn the_writers_reason_comes_first() {
        let mut load = running(Length::Requests(1));
        load.threads.push(thread::spawn(|| Err(EngineError::WriterEnded)));
        load.writer = thread::spawn(|| {
            let source = std::io::Error::other("full");
            let failure = WriteError::DiskFull {
                path: "x".into(),
                bytes: 0,
                source,
            };
            Written {
                files: Vec::new(),
                failure: Some(failure),
            }
        });
        let LoadFailure { reason, kept } = load.join().unwrap_err();
        assert!(matches!(reason, LoadError::Records(WriteError::DiskFull { .. })));
        assert!(kept.is_some());
    }

    #[test]
    fn dropping_a_load_ends_it() {
        let load = running(Length::Requests(1));
        let shared = Arc::clone(&load.shared);
        drop(load);
        assert!(shared.is_stopped() && shared.cancelled_at().is_none());
    }

    #[test]
    fn windows_end_as_they_should() {
        let load = running(Length::Requests(1));
        assert_eq!(
            window(&load.timeline, &load.shared),
            Window {
                t1: 0,
                t2: 0,
                drained: true
            }
        );
        load.shared.note_send(70);
        load.shared.note_send(50);
        assert_eq!(
            window(&load.timeline, &load.shared),
            Window {
                t1: 0,
                t2: 71,
                drained: true
            }
        );
        let duration = Duration::from_nanos(500);
        let load = running(Length::Duration {
            duration,
            cooldown: Cooldown::Load,
        });
        assert_eq!(
            window(&load.timeline, &load.shared),
            Window {
                t1: 0,
                t2: 500,
                drained: false
            }
        );
        // The test's T0 lies long ago, and so does the window.
        load.cancel();
        assert_eq!(window(&load.timeline, &load.shared).t2, 500);
        assert!(load.join().unwrap().cancelled);
    }
}
