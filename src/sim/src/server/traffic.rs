//! What happens on the connections of the loop: requests come, responses go, connections end.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use hpcbench_timing::{Monotonic, PairedClock};
use mio::{Interest, Registry, Token};

use super::connection::{Connection, Fill, State};
use super::slots::{Key, Slots};
use crate::api::{ApiError, Dialect};
use crate::engine::{Engine, Incoming, Job, Now, Reply};
use crate::generation::Progress;
use crate::http::{CONTINUE, HttpError, Parsed, parse, response};
use crate::timers::{Timers, Wake};
use crate::truth::Outcome;

/// How long a refused client has to read the refusal.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes read from a socket at once.
const READ_BYTES: usize = 64 * 1024;

/// What a wake-up is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    /// The next piece of a response.
    Step(Key),
    /// Close the connection if it was without a request for too long.
    CloseIdle(Key),
    /// The time to read a refusal is over.
    EndLinger(Key),
}

/// All connections with the engine that answers them.
#[derive(Debug)]
pub(super) struct Traffic {
    engine: Engine<Key>,
    slots: Slots,
    timers: Timers<Task>,
    clock: PairedClock,
    registry: Registry,
    keep_alive: Duration,
    started: Monotonic,
    read_buffer: Vec<u8>,
    write_buffer: Vec<u8>,
}

impl Traffic {
    pub(super) fn new(
        engine: Engine<Key>,
        registry: Registry,
        keep_alive: Duration,
        started: Monotonic,
    ) -> Self {
        Self {
            engine,
            slots: Slots::default(),
            timers: Timers::new(),
            clock: PairedClock::new(),
            registry,
            keep_alive,
            started,
            read_buffer: vec![0; READ_BYTES],
            write_buffer: Vec::new(),
        }
    }

    pub(super) const fn engine(&self) -> &Engine<Key> {
        &self.engine
    }

    /// Open connections.
    pub(super) fn connections(&self) -> usize {
        self.slots.len()
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Monotonic> {
        self.timers.next_due()
    }

    /// To be called after each wait: pairs the clocks for the stamps that are read from now on.
    pub(super) fn wake_up(&mut self) {
        self.clock.wake_up();
    }

    /// Does the earliest thing that is due; false if there is none.
    pub(super) fn run_one_due(&mut self) -> bool {
        let Some(Wake { due, task }) = self.timers.pop_due(Monotonic::now()) else {
            return false;
        };
        match task {
            Task::Step(key) => self.step(key, due),
            Task::CloseIdle(key) => self.close_idle(key),
            Task::EndLinger(key) => self.close(key),
        }
        true
    }

    /// Takes in a connection that was just accepted.
    pub(super) fn welcome(&mut self, socket: TcpStream) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        let key = self.slots.next_key();
        self.registry
            .register(&mut socket, key.token(), Interest::READABLE | Interest::WRITABLE)?;
        let now = Now::read();
        self.slots.insert(Connection::new(socket, now));
        self.timers
            .set(now.mono.plus(self.keep_alive), Task::CloseIdle(key));
        Ok(())
    }

    /// Something happened on a connection: read all there is, then write what was waiting.
    pub(super) fn on_socket(&mut self, token: Token, writable: bool) {
        let key = Key::from_token(token);
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
            // A client that has closed its side does not want the rest; servers abort then. What it had asked for
            // before was received all the same.
            Fill::Closed => {
                self.take_requests(key);
                self.close(key);
            }
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
            let idle = matches!(connection.state, State::Idle);
            // A client that does not read its responses gets no more of them.
            if !idle || connection.input.is_empty() || !connection.flushed() {
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
                    let (arrived, now) = (connection.request_arrived(), Now::read());
                    let incoming = Incoming {
                        request,
                        arrived,
                        now,
                    };
                    let reply = self.engine.respond(&incoming, key, &mut self.write_buffer);
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
                connection.last_response = Some(Monotonic::now());
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
        let now = Now::read();
        let written = self.engine.advance(job, now, &mut self.write_buffer);
        if written.tokens > 0 {
            self.engine.sent(job, written.tokens, due, Now::read());
        }
        if connection.send(&self.write_buffer).is_err() {
            return self.close(key);
        }
        // The client may have answered to the last bytes already: so the time is that before they were written.
        connection.last_response = Some(now.mono);
        match written.progress {
            Progress::Next { due } => self.timers.set(due, Task::Step(key)),
            Progress::Stalled => connection.stall(),
            Progress::Finished => self.end_job(key, Outcome::Completed),
            Progress::Failed => self.end_job(key, Outcome::Error),
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
            let keep_alive = job.keep_alive() && outcome != Outcome::Cut;
            self.leave(&job, outcome);
            self.end_response(key, keep_alive);
            self.take_requests(key);
        }
    }

    /// The batch has room: lets the next request in.
    fn leave(&mut self, job: &Job, outcome: Outcome) {
        let now = Monotonic::now();
        let Some(key) = self.engine.leave(job, outcome, now) else {
            return;
        };
        let Some(connection) = self.slots.get_mut(key) else {
            return;
        };
        connection.state = match std::mem::replace(&mut connection.state, State::Idle) {
            State::Waiting(mut job) => {
                let due = self.engine.admit(&mut job, now);
                self.timers.set(due, Task::Step(key));
                State::Running(job)
            }
            other => other,
        };
    }

    fn end_response(&mut self, key: Key, keep_alive: bool) {
        let Some(connection) = self.slots.get_mut(key) else {
            return;
        };
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
        let body = ApiError::new(error.status(), error.to_string()).body(Dialect::OpenAi);
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
        let keep_alive = self.keep_alive;
        let deadline = match connection.state {
            State::Idle => connection.idle_since().plus(keep_alive),
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
        let _ = self.registry.deregister(&mut connection.socket);
        match connection.state {
            State::Waiting(job) => self.engine.abandon(key, &job, Monotonic::now()),
            State::Running(job) | State::Stalled(job) => self.leave(&job, Outcome::Aborted),
            State::Idle | State::Closing | State::Lingering => {}
        }
    }
}
