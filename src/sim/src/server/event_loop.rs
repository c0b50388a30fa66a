//! The one loop that reads, decides and writes.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::time::Duration;

use hpcbench_timing::{DeadlineTimer, Monotonic, PairedClock};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::connection::{Connection, Fill, State};
use super::slots::{Key, Slots};
use super::{Exit, SimError, StopHandle};
use crate::api::{ApiError, Endpoint};
use crate::config::SimulatorConfig;
use crate::engine::{Collapse, Engine, Job, Now, Reply};
use crate::generation::Progress;
use crate::http::{CONTINUE, HttpError, Parsed, parse, response};
use crate::timers::Timers;
use crate::truth::Outcome;

/// Tokens of the poll that name no connection: their upper half is no tenant's number.
pub(super) const WAKER: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);

/// Most connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 100_000;
/// Events taken from the poll at once.
const EVENTS: usize = 1_024;
/// Steps taken in a row before the sockets are looked at again.
const STEPS_PER_ROUND: usize = 256;
/// Bytes read from a socket at once.
const READ_BYTES: usize = 64 * 1024;
/// How long a refused client has to read the refusal.
const LINGER: Duration = Duration::from_secs(1);
/// When to accept again after the system refused.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// How often the log tells what is going on, if anything is.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// What a wake-up is for.
#[derive(Debug, Clone, Copy)]
enum Task {
    /// The next piece of a response.
    Step(Key),
    /// Close the connection if it was without a request for too long.
    CloseIdle(Key),
    /// The time to read a refusal is over.
    EndLinger(Key),
    Accept,
    Report,
}

/// A running service.
pub(super) struct EventLoop {
    config: SimulatorConfig,
    listener: TcpListener,
    poll: Poll,
    stop: StopHandle,
    timer: DeadlineTimer,
    timers: Timers<Task>,
    clock: PairedClock,
    slots: Slots,
    engine: Engine<Key>,
    started: Monotonic,
    read_buffer: Vec<u8>,
    write_buffer: Vec<u8>,
    last_report: (u64, u64),
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
        let now = Now::read();
        let mut timers = Timers::new();
        timers.set(now.mono.plus(REPORT_EVERY), Task::Report);
        Ok(Self {
            engine: Engine::new(config.clone(), now),
            config,
            listener,
            poll,
            stop,
            timer,
            timers,
            clock: PairedClock::new(),
            slots: Slots::default(),
            started: now.mono,
            read_buffer: vec![0; READ_BYTES],
            write_buffer: Vec::new(),
            last_report: (0, 0),
        })
    }

    pub(super) fn run(mut self) -> Result<Exit, SimError> {
        tracing::info!(model = %self.config.model, seed = self.config.seed, "the simulated service is up");
        let mut events = Events::with_capacity(EVENTS);
        loop {
            self.wait(&mut events)
                .map_err(SimError::setup("wait for events"))?;
            if self.stop.requested() {
                return Ok(Exit::Stopped);
            }
            self.clock.wake_up();
            for event in &events {
                match event.token() {
                    WAKER => {}
                    TIMER => drop(self.timer.clear()),
                    LISTENER => self.accept(),
                    token => self.on_socket(Key::from_token(token), event.is_writable()),
                }
            }
            self.run_due();
            match self.engine.collapse() {
                None => {}
                Some(Collapse::Die { exit_code }) => return Ok(die(exit_code)),
                Some(Collapse::Hang) => return self.hang(&mut events),
            }
        }
    }

    /// Waits for sockets, the next wake-up or a stop.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let next = self.timers.next_due();
        let timeout = match next {
            Some(due) if due <= Monotonic::now() => Some(Duration::ZERO),
            _ => {
                self.timer.set(next)?;
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
            let Some(wake) = self.timers.pop_due(Monotonic::now()) else {
                return;
            };
            match wake.task {
                Task::Step(key) => self.step(key, wake.due),
                Task::CloseIdle(key) => self.close_idle(key),
                Task::EndLinger(key) => self.close(key),
                Task::Accept => self.accept(),
                Task::Report => self.report(),
            }
        }
    }

    fn accept(&mut self) {
        while self.slots.len() < MAX_CONNECTIONS {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    if let Err(error) = self.welcome(socket) {
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
                    tracing::warn!(%error, open = self.slots.len(), "cannot accept a connection; trying again soon");
                    break;
                }
            }
        }
        self.timers.set(Monotonic::now().plus(ACCEPT_RETRY), Task::Accept);
    }

    fn welcome(&mut self, socket: std::net::TcpStream) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        let key = self.slots.next_key();
        self.poll
            .registry()
            .register(&mut socket, key.token(), Interest::READABLE | Interest::WRITABLE)?;
        let now = Now::read();
        self.slots.insert(Connection::new(socket, now));
        self.timers
            .set(now.mono.plus(self.config.keep_alive.get()), Task::CloseIdle(key));
        Ok(())
    }

    /// Something happened on a connection: read all there is, then write what was waiting.
    fn on_socket(&mut self, key: Key, writable: bool) {
        let Some(connection) = self.slots.get_mut(key) else {
            return;
        };
        let fill = connection.fill(&mut self.read_buffer, &self.clock, self.started);
        if writable && !connection.flushed() {
            self.flush(key);
        }
        match fill {
            Fill::Drained => self.take_requests(key),
            Fill::Overflow => self.refuse(key, HttpError::BodyTooLong),
            // A client that has closed its side does not want the rest; servers abort then.
            Fill::Closed => self.close(key),
        }
    }

    fn flush(&mut self, key: Key) {
        let Some(connection) = self.slots.get_mut(key) else {
            return;
        };
        if connection.flush().is_err() {
            return self.close(key);
        }
        if !connection.flushed() {
            return;
        }
        match connection.state {
            State::Closing => self.close(key),
            State::Lingering => connection.half_close(),
            _ => {
                if let Some(due) = connection.deferred.take() {
                    self.timers.set(due, Task::Step(key));
                }
            }
        }
    }

    /// Takes in the requests that are complete, one after the other, as long as the connection is idle.
    fn take_requests(&mut self, key: Key) {
        loop {
            let Some(connection) = self.slots.get_mut(key) else {
                return;
            };
            if !matches!(connection.state, State::Idle) || connection.input.is_empty() {
                return;
            }
            match parse(&connection.input) {
                Err(error) => return self.refuse(key, error),
                Ok(Parsed::Partial { wants_continue }) => {
                    if wants_continue && !std::mem::replace(&mut connection.continued, true) {
                        let sent = connection.send(CONTINUE);
                        if sent.is_err() {
                            self.close(key);
                        }
                    }
                    return;
                }
                Ok(Parsed::Complete { request, bytes }) => {
                    self.write_buffer.clear();
                    let mut arrived = connection.arrived;
                    // A request that was sent ahead begins when the response before it has ended.
                    arrived.mono = arrived.mono.max(connection.idle_since);
                    let reply =
                        self.engine
                            .respond(&request, arrived, Now::read(), key, &mut self.write_buffer);
                    connection.consume(bytes);
                    connection.continued = false;
                    self.follow(key, reply);
                }
            }
        }
    }

    /// Does what the engine decided about a request.
    fn follow(&mut self, key: Key, reply: Reply) {
        let Some(connection) = self.slots.get_mut(key) else {
            return;
        };
        match reply {
            Reply::Run { job, due } => {
                connection.state = State::Running(job);
                self.timers.set(due, Task::Step(key));
            }
            Reply::Wait { job } => connection.state = State::Waiting(job),
            Reply::Close => self.close(key),
            Reply::Written { keep_alive } => {
                if connection.send(&self.write_buffer).is_err() {
                    return self.close(key);
                }
                self.end_response(key, keep_alive);
            }
        }
    }

    /// Writes the next piece of a response, which was due at `due`.
    fn step(&mut self, key: Key, due: Monotonic) {
        let Some(connection) = self.slots.get_mut(key) else {
            return;
        };
        if !connection.flushed() {
            connection.deferred = Some(due);
            return;
        }
        let State::Running(job) = &mut connection.state else {
            return;
        };
        self.write_buffer.clear();
        let written = self.engine.advance(job, Now::read(), &mut self.write_buffer);
        if written.tokens > 0 {
            self.engine.sent(job, written.tokens, due, Now::read());
        }
        if connection.send(&self.write_buffer).is_err() {
            return self.close(key);
        }
        match written.progress {
            Progress::Next { due } => self.timers.set(due, Task::Step(key)),
            Progress::Stalled => connection.stall(),
            Progress::Finished => self.end_job(key, Outcome::Completed),
            Progress::Cut => self.end_job(key, Outcome::Cut),
        }
    }

    /// A response came to its end.
    fn end_job(&mut self, key: Key, outcome: Outcome) {
        let Some(connection) = self.slots.get_mut(key) else {
            return;
        };
        let state = std::mem::replace(&mut connection.state, State::Idle);
        if let State::Running(job) = state {
            let keep_alive = job.keep_alive() && outcome == Outcome::Completed;
            self.leave(&job, outcome);
            self.end_response(key, keep_alive);
            self.take_requests(key);
        }
    }

    /// The batch has room: lets the next request in.
    fn leave(&mut self, job: &Job, outcome: Outcome) {
        let now = Monotonic::now();
        let mut next = self.engine.leave(job, outcome, now);
        while let Some(key) = next.take() {
            let Some(connection) = self.slots.get_mut(key) else {
                return;
            };
            let state = std::mem::replace(&mut connection.state, State::Idle);
            if let State::Waiting(mut job) = state {
                let due = self.engine.admit(&mut job, now);
                connection.state = State::Running(job);
                self.timers.set(due, Task::Step(key));
            }
        }
    }

    fn end_response(&mut self, key: Key, keep_alive: bool) {
        let Some(connection) = self.slots.get_mut(key) else {
            return;
        };
        connection.idle_since = Monotonic::now();
        if keep_alive {
            return;
        }
        connection.state = State::Closing;
        if connection.flushed() {
            self.close(key);
        }
    }

    /// Refuses bytes that are no request, and ends the connection.
    fn refuse(&mut self, key: Key, error: HttpError) {
        let Some(connection) = self.slots.get_mut(key) else {
            return;
        };
        if !matches!(connection.state, State::Idle) {
            return self.close(key);
        }
        tracing::warn!(%error, "a request was refused");
        let body = ApiError::new(error.status(), error.to_string()).body(Endpoint::Chat.dialect());
        self.write_buffer.clear();
        response(&mut self.write_buffer, error.status(), &body, "", false);
        connection.state = State::Lingering;
        connection.consume(usize::MAX);
        if connection.send(&self.write_buffer).is_err() {
            return self.close(key);
        }
        if connection.flushed() {
            connection.half_close();
        }
        self.timers
            .set(Monotonic::now().plus(LINGER), Task::EndLinger(key));
    }

    fn close_idle(&mut self, key: Key) {
        let Some(connection) = self.slots.get_mut(key) else {
            return;
        };
        let now = Monotonic::now();
        let keep_alive = self.config.keep_alive.get();
        let deadline = match connection.state {
            State::Idle => connection.idle_since.plus(keep_alive),
            _ => now.plus(keep_alive),
        };
        if deadline <= now {
            self.close(key);
        } else {
            self.timers.set(deadline, Task::CloseIdle(key));
        }
    }

    /// Closes a connection and gives up its request.
    fn close(&mut self, key: Key) {
        let Some(mut connection) = self.slots.remove(key) else {
            return;
        };
        // Closing the socket takes it out of the poll as well; an error here changes nothing.
        let _ = self.poll.registry().deregister(&mut connection.socket);
        match connection.state {
            State::Waiting(job) => self.engine.abandon(key, &job, Monotonic::now()),
            State::Running(job) | State::Stalled(job) => self.leave(&job, Outcome::Aborted),
            State::Idle | State::Closing | State::Lingering => {}
        }
    }

    fn report(&mut self) {
        let (running, waiting, received, tokens) = self.engine.activity();
        if running + waiting > 0 || self.last_report != (received, tokens) {
            let rate = (tokens - self.last_report.1) as f64 / REPORT_EVERY.as_secs_f64();
            tracing::info!(running, waiting, received, tokens, "generated {rate:.1} tokens/s");
        }
        self.last_report = (received, tokens);
        self.timers.set(Monotonic::now().plus(REPORT_EVERY), Task::Report);
    }
}

/// Says what a dying engine says.
fn die(exit_code: u8) -> Exit {
    tracing::error!("simulated crash: the engine core died unexpectedly");
    tracing::error!("simulated crash: CUDA error: an illegal memory access was encountered");
    tracing::error!(exit_code, "simulated crash: the process exits");
    Exit::Died { exit_code }
}
