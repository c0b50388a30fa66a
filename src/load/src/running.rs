//! Starting a load, watching it, and what it leaves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};

use hpcbench_records::{BlockWriter, WriteError};
use hpcbench_stats::{EngineReport, StampSource, Window};
use hpcbench_timing::{ClockReading, Monotonic, StampKeeper};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::engine::{
    ClosedSource, Engine, EngineError, Limit, OpenSource, Source, ThreadOutcome, ThreadSetup, Timeline,
    Until, WindowEnd,
};
use crate::plan::Plan;
use crate::schedule::{Arrivals, ShapeError};
use crate::shared::{CancelHandle, Progress, Shared};
use crate::spec::{Length, Shape};
use crate::writer;

/// Time from a start "now" to T0: the threads are up by then.
const START_LEAD_NANOS: i64 = 10_000_000;

/// Batches of records that may wait for the writer before the threads keep them.
const MAX_QUEUED_BATCHES: usize = 64;

/// Most tries to read both clocks without an interruption between.
const MAX_CLOCK_TRIES: usize = 100;

/// A load that is ready to start.
#[derive(Debug)]
pub struct Prepared {
    plan: Plan,
    writers: Vec<BlockWriter>,
    keeper: Option<StampKeeper>,
    stamps: StampSource,
}

/// When a load starts: its T0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// In a few milliseconds, when all threads are up.
    Now,
    /// At a point on this host's monotonic clock.
    At(Monotonic),
}

/// A load that has been started.
#[derive(Debug)]
pub struct Running {
    plan: Arc<Plan>,
    shared: Arc<Shared>,
    timeline: Timeline,
    clock: ClockReading,
    threads: Vec<JoinHandle<Result<ThreadOutcome, EngineError>>>,
    writer: JoinHandle<Result<Vec<BlockFile>, WriteError>>,
    stamps: StampSource,
    _keeper: Option<StampKeeper>,
}

/// A finished file of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockFile {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
}

/// What a load leaves behind. Its T0 is the zero of all times in the records.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Files of records, one per engine thread.
    pub files: Vec<BlockFile>,
    /// T0 as nanoseconds since the Unix epoch.
    pub t0_realtime: i64,
    /// Largest error of `t0_realtime`, nanoseconds.
    pub t0_error: u64,
    /// The measured window, nanoseconds since T0.
    pub window: Window,
    /// Somebody cancelled the load.
    pub cancelled: bool,
    /// The engine's account of itself.
    pub engine: EngineReport,
}

/// Why a load has no outcome. What was recorded until then is in the files.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A thread could not be started.
    #[error("cannot start an engine thread")]
    Spawn(#[source] std::io::Error),
    /// The shape makes no schedule.
    #[error("the load's shape")]
    Shape(#[from] ShapeError),
    /// An engine thread could not go on.
    #[error("engine thread {thread}: {reason}")]
    Thread {
        /// Which thread.
        thread: usize,
        /// Why.
        reason: String,
    },
    /// An engine thread panicked: a fault of this program.
    #[error("engine thread {thread} panicked: {message}")]
    Panicked {
        /// Which thread.
        thread: usize,
        /// The panic's message.
        message: String,
    },
    /// Records could not be written.
    #[error("cannot write records")]
    Records(#[from] WriteError),
    /// The thread that writes records panicked: a fault of this program.
    #[error("the thread that writes records panicked: {0}")]
    WriterPanicked(String),
}

impl Prepared {
    pub(crate) fn new(
        plan: Plan,
        writers: Vec<BlockWriter>,
        keeper: Option<StampKeeper>,
        stamps: StampSource,
    ) -> Self {
        Self {
            plan,
            writers,
            keeper,
            stamps,
        }
    }

    /// Number of engine threads.
    pub fn threads(&self) -> u32 {
        self.plan.threads
    }

    /// Number of different prompts.
    pub fn prompts(&self) -> usize {
        self.plan.prompts.len()
    }

    /// Starts the load. A time in the past starts it at once, and the records show how late it was.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn start(self, start: Start) -> Result<Running, LoadError> {
        let clock = read_clocks();
        let t0 = match start {
            Start::Now => clock.after.plus_nanos(START_LEAD_NANOS),
            Start::At(time) => time,
        };
        let spec = &self.plan.spec;
        let timeline = Timeline::new(t0, spec.warmup, spec.length, spec.timeout);
        let sources = (0..self.plan.threads).map(|thread| source(&self.plan, thread, &timeline));
        let sources: Vec<Source> = sources.collect::<Result<_, _>>()?;
        let shared = Arc::new(Shared::new(tickets(&self.plan)));
        let plan = Arc::new(self.plan);
        let (sender, receiver) = sync_channel(MAX_QUEUED_BATCHES);
        let (writers, stop) = (self.writers, Arc::clone(&shared));
        let writer = Builder::new()
            .name("records".into())
            .spawn(move || writer::run(writers, &receiver, &stop))
            .map_err(LoadError::Spawn)?;
        let mut threads = Vec::new();
        for (thread, source) in sources.into_iter().enumerate() {
            let setup = ThreadSetup {
                plan: Arc::clone(&plan),
                shared: Arc::clone(&shared),
                timeline,
                thread: thread as u16,
                source,
                stamps: self.stamps,
                writer: sender.clone(),
            };
            threads.push(spawn(setup).inspect_err(|_| shared.stop())?);
        }
        Ok(Running {
            plan,
            shared,
            timeline,
            clock,
            threads,
            writer,
            stamps: self.stamps,
            _keeper: self.keeper,
        })
    }
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
    /// See [`LoadError`].
    pub fn join(self) -> Result<Outcome, LoadError> {
        let mut outcomes = Vec::new();
        let mut failure = None;
        for (thread, handle) in self.threads.into_iter().enumerate() {
            match handle.join() {
                Ok(Ok(outcome)) => outcomes.push(outcome),
                Ok(Err(error)) => failure = failure.or_else(|| Some(thread_failed(thread, &error))),
                Err(payload) => {
                    let message = panic_message(payload.as_ref());
                    failure = Some(LoadError::Panicked { thread, message });
                }
            }
        }
        let files = self
            .writer
            .join()
            .map_err(|payload| LoadError::WriterPanicked(panic_message(payload.as_ref())))?;
        // The writer's error is the reason, where threads only saw that it had ended.
        let files = files?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let window = window(&self.timeline, &self.shared);
        let mut engine = EngineReport::empty(self.stamps);
        for mut outcome in outcomes {
            outcome.report.finish(window, outcome.window_cpu);
            engine.merge(&outcome.report);
        }
        let offset = self.clock.offset_nanos();
        Ok(Outcome {
            files,
            t0_realtime: self.timeline.t0.0.saturating_add(offset),
            t0_error: self.clock.width_nanos().unsigned_abs() / 2,
            window,
            cancelled: self.shared.was_cancelled(),
            engine,
        })
    }

    /// The specification that this load follows.
    pub fn spec(&self) -> &crate::LoadSpec {
        &self.plan.spec
    }
}

/// Starts a thread that ends the others if it ends before its time.
fn spawn(setup: ThreadSetup) -> Result<JoinHandle<Result<ThreadOutcome, EngineError>>, LoadError> {
    let guard = StopOthers {
        shared: Arc::clone(&setup.shared),
        in_order: false,
    };
    let work = move || {
        let mut guard = guard;
        let outcome = Engine::new(setup).and_then(Engine::run);
        guard.in_order = outcome.is_ok();
        outcome
    };
    Builder::new()
        .name("load".into())
        .spawn(work)
        .map_err(LoadError::Spawn)
}

struct StopOthers {
    shared: Arc<Shared>,
    in_order: bool,
}

impl Drop for StopOthers {
    fn drop(&mut self) {
        if !self.in_order {
            self.shared.stop();
        }
    }
}

fn thread_failed(thread: usize, error: &EngineError) -> LoadError {
    let mut reason = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        reason = format!("{reason}: {source}");
    }
    LoadError::Thread { thread, reason }
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

/// Reads both clocks; of several tries the one with the least between.
fn read_clocks() -> ClockReading {
    let first = ClockReading::take();
    let tries = (1..MAX_CLOCK_TRIES).map(|_| ClockReading::take());
    tries.fold(first, |best, this| {
        if this.width_nanos() < best.width_nanos() {
            this
        } else {
            best
        }
    })
}

/// The window as it was: a number of requests ends it with the last send, which is still inside.
fn window(timeline: &Timeline, shared: &Shared) -> Window {
    let t1 = timeline.since_t0(timeline.t1);
    match timeline.end {
        WindowEnd::At { t2, .. } => Window {
            t1,
            t2: timeline.since_t0(t2),
            drained: false,
        },
        WindowEnd::LastSend => {
            let t2 = shared
                .last_send()
                .map_or(t1, |last| last.saturating_add(1))
                .max(t1);
            Window {
                t1,
                t2,
                drained: true,
            }
        }
    }
}

/// Requests that users may send in the window. A schedule counts its arrivals itself.
fn tickets(plan: &Plan) -> u64 {
    match (plan.spec.length, plan.spec.shape) {
        (Length::Requests(total), Shape::Closed { .. }) => plan.spec.client.of(total),
        _ => u64::MAX,
    }
}

/// The requests of one thread.
fn source(plan: &Plan, thread: u32, timeline: &Timeline) -> Result<Source, ShapeError> {
    let spec = &plan.spec;
    let share = spec.client.part(thread, plan.threads);
    let in_flight = share.of(u64::from(spec.shape.max_in_flight())) as u32;
    if let Shape::Closed { think_time, .. } = spec.shape {
        return Ok(Source::Closed(ClosedSource::new(
            in_flight,
            think_time,
            timeline.t0,
        )));
    }
    let random = Xoshiro256PlusPlus::seed_from_u64(spec.seed);
    let Some(arrivals) = Arrivals::new(&spec.shape, random)? else {
        return Ok(Source::Closed(ClosedSource::new(
            in_flight,
            std::time::Duration::ZERO,
            timeline.t0,
        )));
    };
    let until = match (timeline.end, spec.length) {
        (WindowEnd::At { t2, give_up: None }, _) => Until::Time(t2),
        (WindowEnd::LastSend, Length::Requests(count)) => Until::Count(Limit {
            count,
            from: timeline.t1,
        }),
        _ => Until::Endless,
    };
    Ok(Source::Open(Box::new(OpenSource::new(
        arrivals,
        share,
        timeline.t0,
        until,
        in_flight,
    ))))
}
