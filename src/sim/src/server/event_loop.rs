//! The one loop: wait, accept, let the connections work, until the end.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::time::Duration;

use hpcbench_timing::{DeadlineTimer, Monotonic};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::traffic::Traffic;
use super::{Exit, SimError, StopHandle};
use crate::config::SimulatorConfig;
use crate::engine::{Collapse, Engine, Now};

/// Tokens of the poll that name no connection: their upper half is no tenant's number.
pub(super) const WAKER: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);

/// Most connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 100_000;
/// Events taken from the poll at once.
const EVENTS: usize = 128;
/// Steps taken in a row before the sockets are looked at again.
const STEPS_PER_ROUND: usize = 256;
/// When to accept again after the system refused.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// How often the log tells what is going on, if anything is.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Wake-ups are moved up to the next multiple of this: with thousands of tokens a second, arming the timer for each of
/// them costs more than it gains.
const WAKE_GRID_NANOS: i64 = 50_000;

/// A running service.
pub(super) struct EventLoop {
    listener: TcpListener,
    poll: Poll,
    stop: StopHandle,
    timer: DeadlineTimer,
    traffic: Traffic,
    /// When to accept again, after the system refused.
    accept_at: Option<Monotonic>,
    report_at: Monotonic,
    /// Requests and tokens at the last report.
    reported: (u64, u64),
}

impl EventLoop {
    pub(super) fn new(
        config: SimulatorConfig,
        listener: TcpListener,
        poll: Poll,
        stop: StopHandle,
    ) -> Result<Self, SimError> {
        let timer = DeadlineTimer::new().map_err(SimError::setup("create the timer"))?;
        let register = |fd: i32, token| {
            poll.registry()
                .register(&mut SourceFd(&fd), token, Interest::READABLE)
        };
        register(timer.as_raw_fd(), TIMER).map_err(SimError::setup("watch the timer"))?;
        register(listener.as_raw_fd(), LISTENER).map_err(SimError::setup("watch the socket"))?;
        let registry = poll
            .registry()
            .try_clone()
            .map_err(SimError::setup("share the poll"))?;
        let now = Now::read();
        let keep_alive = config.keep_alive.get();
        tracing::info!(model = %config.model, seed = config.seed, "the simulated service is up");
        Ok(Self {
            listener,
            poll,
            stop,
            timer,
            traffic: Traffic::new(Engine::new(config, now), registry, keep_alive, now.mono),
            accept_at: None,
            report_at: now.mono.plus(REPORT_EVERY),
            reported: (0, 0),
        })
    }

    pub(super) fn run(mut self) -> Result<Exit, SimError> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            self.wait(&mut events)
                .map_err(SimError::setup("wait for events"))?;
            if self.stop.requested() {
                return Ok(Exit::Stopped);
            }
            self.traffic.wake_up();
            for event in &events {
                match event.token() {
                    // Watched for its edges, it need not be cleared; `wait` arms it anew.
                    WAKER | TIMER => {}
                    LISTENER => self.accept(),
                    token => self.traffic.on_socket(token, event.is_writable()),
                }
            }
            self.run_due();
            match self.traffic.engine().collapse() {
                None => {}
                Some(Collapse::Die { exit_code }) => return Ok(die(exit_code)),
                Some(Collapse::Hang) => return self.hang(&mut events),
            }
        }
    }

    /// Waits for sockets, for what is due next, or for a stop.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let dues = [self.traffic.next_due(), self.accept_at, Some(self.report_at)];
        let next = dues.into_iter().flatten().min();
        let timeout = match next {
            Some(due) if due <= Monotonic::now() => Some(Duration::ZERO),
            _ => {
                self.timer.set(next.map(on_grid))?;
                None
            }
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// Answers nobody any more, until it is stopped.
    fn hang(&mut self, events: &mut Events) -> Result<Exit, SimError> {
        tracing::error!("simulated hang: from now on nothing is answered");
        self.timer.set(None).map_err(SimError::setup("stop the timer"))?;
        while !self.stop.requested() {
            match self.poll.poll(events, None) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    return Err(SimError::setup("wait for events")(error));
                }
                _ => {}
            }
        }
        Ok(Exit::Stopped)
    }

    fn run_due(&mut self) {
        for _ in 0..STEPS_PER_ROUND {
            if !self.traffic.run_one_due() {
                break;
            }
        }
        let now = Monotonic::now();
        if self.accept_at.is_some_and(|at| at <= now) {
            self.accept();
        }
        if self.report_at <= now {
            self.report();
            self.report_at = now.plus(REPORT_EVERY);
        }
    }

    fn accept(&mut self) {
        self.accept_at = None;
        while self.traffic.connections() < MAX_CONNECTIONS {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    if let Err(error) = self.traffic.welcome(socket) {
                        tracing::warn!(%error, "a connection was dropped as it came");
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => {
                    let open = self.traffic.connections();
                    tracing::warn!(%error, open, "cannot accept a connection; trying again soon");
                    break;
                }
            }
        }
        self.accept_at = Some(Monotonic::now().plus(ACCEPT_RETRY));
    }

    fn report(&mut self) {
        let activity = self.traffic.engine().activity();
        let counts = (activity.received, activity.tokens);
        if activity.running + activity.waiting > 0 || self.reported != counts {
            let rate = (activity.tokens - self.reported.1) as f64 / REPORT_EVERY.as_secs_f64();
            tracing::info!(?activity, "generated {rate:.1} tokens/s");
        }
        self.reported = counts;
    }
}

/// The first point of the grid that is not before `due`.
const fn on_grid(due: Monotonic) -> Monotonic {
    let past = due.0.rem_euclid(WAKE_GRID_NANOS);
    if past == 0 {
        due
    } else {
        due.plus_nanos(WAKE_GRID_NANOS - past)
    }
}

/// Says what a dying engine says.
fn die(exit_code: u8) -> Exit {
    tracing::error!("simulated crash: the engine core died unexpectedly");
    tracing::error!("simulated crash: CUDA error: an illegal memory access was encountered");
    tracing::error!(exit_code, "simulated crash: the process exits");
    Exit::Died { exit_code }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn wake_ups_are_late_by_less_than_the_grid_and_never_early(due in any::<i64>()) {
            let at = on_grid(Monotonic(due));
            prop_assert!((0..WAKE_GRID_NANOS).contains(&at.nanos_since(Monotonic(due))));
        }
    }
}
