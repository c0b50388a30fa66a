//! Starting a load.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use hpcbench_records::BlockWriter;
use hpcbench_stats::StampSource;
use hpcbench_timing::{ClockReading, Monotonic, StampKeeper};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::awake::Awake;
use crate::engine::{
    ClosedSource, Engine, EngineError, Limit, OpenSource, Source, Talks, ThreadOutcome, ThreadSetup,
    Timeline, Until, WindowEnd,
};
use crate::outcome::LoadError;
use crate::plan::Plan;
use crate::running::Running;
use crate::schedule::{Arrivals, ShapeError};
use crate::shared::{Shared, StopOnDrop};
use crate::spec::{Length, Shape};
use crate::writer;

/// Time from a start "now" to T0: the threads are up by then.
const START_LEAD_NANOS: i64 = 10_000_000;

/// Batches of records that may wait for the writer before the threads keep them.
const MAX_QUEUED_BATCHES: usize = 64;

/// How often both clocks are read for T0; the reading with the least between counts.
const CLOCK_READINGS: usize = 100;

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
    /// No thread can be had, or none of so low a priority that it may keep a core awake.
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
        // Ends the threads that run already, should another not start.
        let stop = StopOnDrop::new(&shared);
        let cores = self.plan.cores.clone();
        let awake = self.plan.spec.keep_awake.then(|| Awake::keep(&cores));
        let awake = awake.transpose().map_err(LoadError::KeepAwake)?;
        let kept_awake = awake.as_ref().is_some_and(Awake::is_any);
        let seed = self.plan.spec.seed;
        let tokenizer_hash = self.plan.prompts.tokenizer_hash().map(str::to_owned);
        let plan = Arc::new(self.plan);
        let (sender, batches) = sync_channel(MAX_QUEUED_BATCHES);
        let (writers, for_writer) = (self.writers, Arc::clone(&shared));
        let write = move || writer::run(writers, &batches, &for_writer);
        let writer = Builder::new()
            .name("records".into())
            .spawn(write)
            .map_err(LoadError::Spawn)?;
        let mut threads = Vec::new();
        for (thread, source) in sources.into_iter().enumerate() {
            threads.push(spawn(ThreadSetup {
                plan: Arc::clone(&plan),
                shared: Arc::clone(&shared),
                timeline,
                thread: thread as u16,
                source,
                stamps: self.stamps,
                kept_awake,
                writer: sender.clone(),
            })?);
        }
        Ok(Running {
            shared,
            timeline,
            clock,
            threads,
            writer,
            stamps: self.stamps,
            cores,
            seed,
            tokenizer_hash,
            _awake: awake,
            _keeper: self.keeper,
            _stop: stop,
        })
    }
}

/// Starts a thread that ends the others if it fails or panics.
fn spawn(setup: ThreadSetup) -> Result<JoinHandle<Result<ThreadOutcome, EngineError>>, LoadError> {
    let guard = StopOnDrop::new(&setup.shared);
    let work = move || {
        let outcome = Engine::new(setup).and_then(Engine::run);
        if outcome.is_ok() {
            guard.disarm();
        }
        outcome
    };
    Builder::new()
        .name("load".into())
        .spawn(work)
        .map_err(LoadError::Spawn)
}

/// Reads both clocks; of several readings the one with the least between.
fn read_clocks() -> ClockReading {
    let readings = (1..CLOCK_READINGS).map(|_| ClockReading::take());
    readings.fold(ClockReading::take(), |best, this| {
        if this.width_nanos() < best.width_nanos() {
            this
        } else {
            best
        }
    })
}

/// Requests that users may send in the window. A schedule counts its arrivals itself.
fn tickets(plan: &Plan) -> u64 {
    match (plan.spec.length, &plan.spec.shape) {
        (Length::Requests(total), Shape::Closed { .. }) => plan.spec.client.of(total),
        _ => u64::MAX,
    }
}

/// The requests of one thread.
fn source(plan: &Plan, thread: u32, timeline: &Timeline) -> Result<Source, ShapeError> {
    let spec = &plan.spec;
    let share = spec.client.part(thread, plan.threads);
    let in_flight = share.of(u64::from(spec.shape.max_in_flight())) as u32;
    let Some(arrivals) = Arrivals::new(&spec.shape, Xoshiro256PlusPlus::seed_from_u64(spec.seed))? else {
        let think_time = match spec.shape {
            Shape::Closed { think_time, .. } => think_time,
            _ => Duration::ZERO,
        };
        let talks = spec
            .shape
            .turns()
            .map(|turns| Talks::new(in_flight, turns.get(), share));
        return Ok(Source::Closed(ClosedSource::new(
            in_flight,
            think_time,
            timeline.t0,
            talks,
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
