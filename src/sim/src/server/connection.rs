//! One connection: its buffers and what it is doing.

use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;

use hpcbench_timing::{Arrival, ArrivalSource, Monotonic, PairedClock, Realtime, Received, recv_stamped};
use mio::net::TcpStream;

use crate::engine::{Arrived, Job, Now};
use crate::http::MAX_REQUEST_BYTES;
use crate::truth::StampSource;

/// A buffer larger than this is given back when it is empty.
const KEEP_BUFFER_BYTES: usize = 64 * 1024;

/// A client's connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    /// Bytes of requests that were not taken in yet.
    pub(super) input: Vec<u8>,
    /// Bytes that the socket did not take yet.
    output: Vec<u8>,
    pub(super) state: State,
    /// When the last bytes of `input` arrived; if several requests were sent ahead, those of the last one.
    pub(super) arrived: Arrived,
    opened: Monotonic,
    /// When the end of the last response was written.
    pub(super) last_response: Option<Monotonic>,
    /// Whether the interim response to `Expect: 100-continue` was sent.
    pub(super) continued: bool,
    /// A step that came due while `output` was waiting.
    pub(super) deferred: Option<Monotonic>,
}

/// What a connection is doing.
#[derive(Debug)]
pub(super) enum State {
    /// Waiting for a request, or the rest of one.
    Idle,
    /// Its request waits for admission.
    Waiting(Box<Job>),
    /// Its response is under way.
    Running(Box<Job>),
    /// Its response will never end; it still takes a place in the batch.
    Stalled(Box<Job>),
    /// It is closed as soon as its output is written.
    Closing,
    /// It was refused and half closed; what still arrives is thrown away, so that the client can read the refusal.
    Lingering,
}

/// What became of an attempt to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// The socket is empty.
    Drained,
    /// The client has closed its side, or broke the connection, or goes on sending though it was refused.
    Closed,
    /// More bytes are waiting than any request may have.
    Overflow,
}

impl Connection {
    pub(super) fn new(socket: TcpStream, now: Now) -> Self {
        Self {
            socket,
            input: Vec::new(),
            output: Vec::new(),
            state: State::Idle,
            arrived: Arrived {
                mono: now.mono,
                wall: now.wall,
                source: StampSource::Read,
            },
            opened: now.mono,
            last_response: None,
            continued: false,
            deferred: None,
        }
    }

    /// Reads until the socket is empty.
    pub(super) fn fill(&mut self, scratch: &mut [u8], clock: &PairedClock, earliest: Monotonic) -> Fill {
        let mut thrown_away = 0;
        loop {
            match recv_stamped(&self.socket, scratch) {
                Ok(Received { bytes: 0, .. }) => return Fill::Closed,
                Ok(Received { bytes, stamp }) => {
                    if matches!(self.state, State::Closing | State::Lingering) {
                        thrown_away += bytes;
                        if thrown_away > MAX_REQUEST_BYTES {
                            return Fill::Closed;
                        }
                        continue;
                    }
                    self.arrived = arrived(stamp, clock, earliest);
                    self.input
                        .extend_from_slice(scratch.get(..bytes).unwrap_or_default());
                    if self.input.len() > MAX_REQUEST_BYTES {
                        return Fill::Overflow;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Fill::Drained,
                Err(_) => return Fill::Closed,
            }
        }
    }

    /// Since when the connection has been without a request, if it is without one.
    pub(super) fn idle_since(&self) -> Monotonic {
        self.last_response.unwrap_or(self.opened)
    }

    /// When the request that is complete now can have begun: one that was sent ahead begins when the response before
    /// it has ended.
    pub(super) fn request_arrived(&self) -> Arrived {
        let mono = self
            .last_response
            .map_or(self.arrived.mono, |end| end.max(self.arrived.mono));
        Arrived { mono, ..self.arrived }
    }

    /// Forgets the first `bytes` bytes of the input.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.input.drain(..bytes.min(self.input.len()));
        if self.input.is_empty() && self.input.capacity() > KEEP_BUFFER_BYTES {
            self.input = Vec::new();
        }
    }

    /// Whether all output was written.
    pub(super) fn flushed(&self) -> bool {
        self.output.is_empty()
    }

    /// Writes `bytes`, keeping what the socket does not take.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.flushed() {
            self.output.extend_from_slice(bytes);
            return Ok(());
        }
        let written = write_some(&mut self.socket, bytes)?;
        self.output
            .extend_from_slice(bytes.get(written..).unwrap_or_default());
        Ok(())
    }

    /// Writes what is left of the output.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.flushed() {
            return Ok(());
        }
        let written = write_some(&mut self.socket, &self.output)?;
        self.output.drain(..written);
        if self.flushed() && self.output.capacity() > KEEP_BUFFER_BYTES {
            self.output = Vec::new();
        }
        Ok(())
    }

    /// The response will never end.
    pub(super) fn stall(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Idle) {
            State::Running(job) => State::Stalled(job),
            other => other,
        };
    }

    /// Tells the client that nothing more will come. An error means that it knows already.
    pub(super) fn half_close(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}

/// Writes until the socket is full; how many bytes it took.
fn write_some(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match socket.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// The arrival of bytes that were just read.
fn arrived(stamp: Option<Realtime>, clock: &PairedClock, earliest: Monotonic) -> Arrived {
    let read = Now::read();
    let arrival = Arrival::resolve(stamp, clock, earliest, read.mono);
    match (arrival.source, stamp) {
        (ArrivalSource::Kernel, Some(wall)) => Arrived {
            mono: arrival.at,
            wall,
            source: StampSource::Kernel,
        },
        _ => Arrived {
            mono: read.mono,
            wall: read.wall,
            source: StampSource::Read,
        },
    }
}
