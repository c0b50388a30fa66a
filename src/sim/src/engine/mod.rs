//! Everything the service decides, without sockets: it is handed requests and times, and writes bytes into buffers.

mod admin;
mod intake;
mod job;

use hpcbench_timing::{Monotonic, Realtime};

use crate::catalog::Catalog;
use crate::config::SimulatorConfig;
use crate::http::Request;
use crate::metrics::Metrics;
use crate::scheduler::Scheduler;
use crate::timing_model::TimingModel;
use crate::truth::{MAX_SENDS, StampSource, Truth};
pub(crate) use job::Job;

/// The service's state. `K` names a connection's request.
#[derive(Debug)]
pub(crate) struct Engine<K> {
    config: SimulatorConfig,
    model: TimingModel,
    scheduler: Scheduler<K>,
    truth: Truth,
    metrics: Metrics,
    catalog: Catalog,
    /// None: never.
    ready_at: Option<Monotonic>,
    /// Inference requests received so far.
    received: u64,
    /// Tokens of the requests in the batch.
    kv_tokens: u64,
}

/// The time by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) mono: Monotonic,
    pub(crate) wall: Realtime,
}

/// When a request's last byte arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    pub(crate) mono: Monotonic,
    pub(crate) wall: Realtime,
    pub(crate) source: StampSource,
}

/// A request with the times that belong to it.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) arrived: Arrived,
    pub(crate) now: Now,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The whole response was written.
    Written { keep_alive: bool },
    /// The response is written bit by bit, for the first time at `due`.
    Run { job: Box<Job>, due: Monotonic },
    /// The request waits until [`Engine::leave`] names it.
    Wait { job: Box<Job> },
    /// The connection is closed without a response.
    Close,
}

/// The end that a service was configured to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collapse {
    Die { exit_code: u8 },
    Hang,
}

/// Requests now, and counts since the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Activity {
    pub(crate) running: usize,
    pub(crate) waiting: usize,
    pub(crate) received: u64,
    pub(crate) tokens: u64,
}

impl Now {
    pub(crate) fn read() -> Self {
        Self {
            mono: Monotonic::now(),
            wall: Realtime::now(),
        }
    }
}

impl<K: PartialEq + Copy> Engine<K> {
    pub(crate) fn new(config: SimulatorConfig, now: Now) -> Self {
        let ready_at = (!config.never_ready).then(|| now.mono.plus(config.start_delay.get()));
        Self {
            model: TimingModel::new(&config, now.mono),
            scheduler: Scheduler::new(config.max_num_seqs as usize, config.max_queue as usize),
            truth: Truth::new(config.truth_requests, MAX_SENDS),
            metrics: Metrics::new(config.prefix_hits),
            catalog: Catalog::new(&config.model, config.load_time.nanos(), now.wall),
            ready_at,
            received: 0,
            kv_tokens: 0,
            config,
        }
    }

    /// Whether the service has come to its configured end.
    pub(crate) fn collapse(&self) -> Option<Collapse> {
        let reached = |limit: Option<u64>| limit.is_some_and(|limit| self.received >= limit);
        if reached(self.config.die_after) {
            return Some(Collapse::Die {
                exit_code: self.config.die_exit_code,
            });
        }
        reached(self.config.hang_after).then_some(Collapse::Hang)
    }

    /// What is going on: for the log.
    pub(crate) fn activity(&self) -> Activity {
        Activity {
            running: self.scheduler.running(),
            waiting: self.scheduler.waiting(),
            received: self.received,
            tokens: self.metrics.generation_tokens(),
        }
    }

    fn ready(&self, now: Monotonic) -> bool {
        self.ready_at.is_some_and(|at| at <= now)
    }
}

#[cfg(test)]
mod tests;
