//! One engine thread: a poll, its connections, and the requests that it carries.
//!
//! ```text
//!            Source ── due ──▶ dispatch ──▶ connect ──▶ send ──▶ receive ──▶ finish ──▶ RecordSink
//!  (users or schedule)            │            (connections)        │           │
//!        ▲                        └──── a connection that waits ────┘           │
//!        └──────────────────────────── a user is free again ────────────────────┘
//! ```
//!
//! Everything happens on the thread's own poll; nothing here waits for another thread.

mod connect;
mod connections;
mod dispatch;
mod ending;
mod exchange;
mod habit;
mod handshake;
mod in_flight;
mod meter;
mod poller;
mod receive;
mod record;
mod send;
mod session;
mod sink;
mod source;
mod timeline;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use hpcbench_stats::{EngineReport, StampSource, Window};
use hpcbench_timing::Monotonic;

use self::connections::Connections;
use self::in_flight::InFlightMeter;
use self::meter::{WindowMeter, WindowState};
use self::poller::{Poller, Ready};
pub(crate) use self::sink::Batch;
use self::sink::{RecordSink, SinkError};
pub(crate) use self::source::{ClosedSource, History, Limit, OpenSource, Source, Talks, Until};
pub(crate) use self::timeline::{Timeline, WindowEnd};
use crate::cores;
use crate::plan::{Plan, RenderMemory};
use crate::response::StreamEvent;
use crate::shared::Shared;

/// Size of one read. Streams bring some hundred bytes at a time; this lets a thread that fell behind catch up.
const READ_BYTES: usize = 64 * 1024;

/// Connection ids of a thread start at its number times this.
const IDS_PER_THREAD: u64 = 1 << 40;

/// Why an engine thread ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("cannot wait for sockets")]
    Poll(#[source] io::Error),
    #[error("records come faster than they can be written to disk")]
    DiskTooSlow,
    /// The writer has the reason.
    #[error("records cannot be written")]
    WriterEnded,
}

/// What an engine thread leaves behind.
#[derive(Debug)]
pub(crate) struct ThreadOutcome {
    report: EngineReport,
    /// Processor time used in the window, if the window ended.
    window_cpu: Option<u64>,
    in_flight: InFlightMeter,
}

impl ThreadOutcome {
    /// The report, now that the window is known.
    pub(crate) fn into_report(self, window: Window) -> EngineReport {
        let mut report = self.report;
        report.finish(window, self.window_cpu);
        report.count_in_flight(self.in_flight.within(window));
        report
    }
}

/// What one thread needs to begin.
pub(crate) struct ThreadSetup {
    pub(crate) plan: Arc<Plan>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) timeline: Timeline,
    pub(crate) thread: u16,
    pub(crate) source: Source,
    pub(crate) stamps: StampSource,
    pub(crate) kept_awake: bool,
    pub(crate) writer: SyncSender<Batch>,
}

/// One engine thread.
pub(crate) struct Engine {
    plan: Arc<Plan>,
    shared: Arc<Shared>,
    timeline: Timeline,
    thread: u16,
    poller: Poller,
    connections: Connections,
    source: Source,
    /// When requests run out of time, by connection.
    deadlines: BTreeSet<(Monotonic, usize)>,
    sink: RecordSink,
    report: EngineReport,
    meter: WindowMeter,
    in_flight: u32,
    in_flight_meter: InFlightMeter,
    /// Requests begun by this thread, to go through the endpoints in turn.
    begun: u64,
    /// A request has ended since requests were last begun.
    ended: bool,
    /// Sockets that had more to read than one turn allows.
    unread: Vec<Ready>,
    /// This thread has said that it can bring no more measured requests about.
    past_window: bool,
    memory: Memory,
}

/// Memory that is used again and again.
struct Memory {
    read: Box<[u8]>,
    parsed: Vec<StreamEvent>,
    render: RenderMemory,
    outputs: Vec<Vec<u8>>,
}

impl Engine {
    pub(crate) fn new(setup: ThreadSetup) -> Result<Self, EngineError> {
        let endpoints = setup.plan.servers.len();
        let threads = u64::from(setup.plan.threads.max(1));
        let share = setup
            .plan
            .spec
            .client
            .part(setup.thread.into(), setup.plan.threads);
        let stamps = setup.stamps == StampSource::Kernel;
        Ok(Self {
            poller: Poller::new().map_err(EngineError::Poll)?,
            connections: Connections::new(
                setup.plan.spec.connections,
                endpoints,
                u64::from(setup.thread) * IDS_PER_THREAD,
                stamps,
            )
            .at_most(setup.plan.most_connections.div_ceil(threads) as usize),
            source: setup.source,
            deadlines: BTreeSet::new(),
            sink: RecordSink::new(setup.thread, setup.writer),
            report: EngineReport::new(setup.plan.spec.node.clone(), setup.thread, setup.stamps)
                .with_cores_awake(setup.kept_awake),
            meter: WindowMeter::default(),
            in_flight: 0,
            in_flight_meter: InFlightMeter::new(
                setup.timeline.since_t0(setup.timeline.t1),
                setup.timeline.t2().map(|t2| setup.timeline.since_t0(t2)),
            ),
            begun: share.beginning_among(endpoints as u64),
            ended: false,
            unread: Vec::new(),
            past_window: false,
            memory: Memory {
                read: vec![0; READ_BYTES].into_boxed_slice(),
                parsed: Vec::new(),
                render: RenderMemory::default(),
                outputs: Vec::new(),
            },
            thread: setup.thread,
            plan: setup.plan,
            shared: setup.shared,
            timeline: setup.timeline,
        })
    }

    /// Works until the trial is over for this thread.
    pub(crate) fn run(mut self) -> Result<ThreadOutcome, EngineError> {
        if let Some(core) = self.plan.cores.get(usize::from(self.thread)) {
            cores::bind(*core);
        }
        let mut ready = Vec::new();
        loop {
            let wake_at = self.wake_at();
            let wake = self.poller.wait(wake_at, &mut ready).map_err(EngineError::Poll)?;
            self.meter
                .turn(wake, self.window_state(wake.now), &mut self.report);
            ready.append(&mut self.unread);
            self.begin_due()?;
            for one in &ready {
                self.handle(*one)?;
                // A user whose request has ended goes on at once, not after all other reads.
                if std::mem::take(&mut self.ended) {
                    self.begin_due()?;
                }
            }
            self.connections.end_turn();
            let now = Monotonic::now();
            self.end_overdue(now)?;
            self.begin_due()?;
            self.sink.tick(now).map_err(sink_failed)?;
            if self.is_over(now) {
                return self.leave(now);
            }
        }
    }

    /// Deals with one socket that is ready.
    fn handle(&mut self, ready: Ready) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(ready.slot) else {
            return Ok(());
        };
        if !connection.established {
            return self.connected(ready);
        }
        if connection
            .tls
            .as_ref()
            .is_some_and(|session| !session.established)
        {
            return self.shake_hands(ready);
        }
        if ready.writable {
            self.flush_tls(ready.slot);
            self.send(ready.slot)?;
        }
        if ready.readable || ready.closed {
            self.receive(ready)?;
        }
        Ok(())
    }

    /// When this thread has something to do even if no socket is ready.
    fn wake_at(&self) -> Option<Monotonic> {
        let now = Monotonic::now();
        if !self.unread.is_empty() {
            return Some(now);
        }
        let marks = [Some(self.timeline.t0), Some(self.timeline.t1), self.timeline.t2()];
        let mark = marks.into_iter().flatten().filter(|mark| *mark > now).min();
        let due = self
            .source
            .next_due(self.in_flight)
            .filter(|_| self.may_begin(now));
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        [mark, due, deadline].into_iter().flatten().min()
    }

    /// How the measured window stands at `now`.
    fn window_state(&self, now: Monotonic) -> WindowState {
        match self.timeline.end {
            _ if now < self.timeline.t1 => WindowState::Ahead,
            WindowEnd::At { t2, .. } if now >= t2 => WindowState::Closed(t2),
            WindowEnd::LastSend if self.nothing_more_to_begin(now) => {
                let last = self.shared.last_send();
                WindowState::Closed(last.map_or(now, |last| self.timeline.t0.plus_nanos(last)))
            }
            WindowEnd::At { .. } | WindowEnd::LastSend => WindowState::Open,
        }
    }

    /// Whether this thread's part of the trial is over. Says on the way when it can bring no more measured requests
    /// about, which the other threads wait for.
    fn is_over(&mut self, now: Monotonic) -> bool {
        if self.shared.is_stopped() {
            return true;
        }
        match self.timeline.end {
            WindowEnd::At {
                t2,
                give_up: Some(give_up),
            } => {
                if !self.past_window && now >= t2 && self.source.is_past(t2) {
                    self.past_window = true;
                    self.shared.threads_past_window.fetch_add(1, Ordering::Release);
                }
                now >= give_up || self.all_is_measured()
            }
            WindowEnd::At { give_up: None, .. } | WindowEnd::LastSend => {
                self.nothing_more_to_begin(now) && self.in_flight == 0
            }
        }
    }

    /// Whether no thread can bring about a measured request any more, and all of them have ended: a load that is kept up
    /// for their sake has done its work.
    fn all_is_measured(&self) -> bool {
        let all_past = self.shared.threads_past_window.load(Ordering::Acquire) >= self.plan.threads;
        all_past && self.shared.measured_open.load(Ordering::Acquire) <= 0
    }

    /// Whether no request is left that may begin.
    fn nothing_more_to_begin(&self, now: Monotonic) -> bool {
        match (&self.source, self.timeline.end) {
            (Source::Open(_), _) => self.source.is_exhausted(),
            (Source::Closed(_), WindowEnd::At { t2, give_up: None }) => now >= t2,
            (Source::Closed(_), WindowEnd::At { .. }) => false,
            (Source::Closed(_), WindowEnd::LastSend) => now >= self.timeline.t1 && !self.shared.has_tickets(),
        }
    }

    /// Whether a request may begin at `now`. One that would be cancelled at once does not.
    fn may_begin(&self, now: Monotonic) -> bool {
        !self.shared.is_stopped() && !self.nothing_more_to_begin(now) && !self.all_is_measured()
    }
}

fn sink_failed(error: SinkError) -> EngineError {
    match error {
        SinkError::TooSlow => EngineError::DiskTooSlow,
        SinkError::Closed => EngineError::WriterEnded,
    }
}
