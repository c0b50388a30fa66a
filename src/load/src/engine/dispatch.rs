//! Beginning requests: finding a connection, and sending.

use std::io::{self, Write as _};
use std::sync::atomic::Ordering;

use hpcbench_records::{ErrorKind, Phase, StreamEvents, Times};
use hpcbench_timing::Monotonic;

use super::exchange::{Ending, Exchange};
use super::poller::Ready;
use super::source::{Due, Source};
use super::timeline::WindowEnd;
use super::{Engine, EngineError, MAX_STARTS_PER_TURN};
use crate::fault::Fault;
use crate::response::ResponseReader;

/// How often a request is moved to a fresh connection before the kernel has taken a byte of it.
const MAX_RETRIES: u8 = 3;

/// Most events that memory is set aside for before they come.
const MAX_RESERVED_EVENTS: usize = 4_096;

/// Events of a stream besides its tokens: role, finish, usage, end mark.
const EXTRA_EVENTS: usize = 6;

/// Output buffers that are kept for the next requests.
const MAX_KEPT_OUTPUTS: usize = 256;

impl Engine {
    /// Begins the requests that are due, up to the limit of one turn.
    pub(super) fn begin_due(&mut self) -> Result<(), EngineError> {
        for _ in 0..MAX_STARTS_PER_TURN {
            let now = Monotonic::now();
            let Some((due, ticket)) = self.next_due_request(now) else {
                break;
            };
            self.begin(due, ticket, now)?;
        }
        let backlog = self.source.backlog(Monotonic::now());
        self.report.peak_queue = self.report.peak_queue.max(backlog);
        Ok(())
    }

    /// The next request that is due, with its ticket where it needs one.
    fn next_due_request(&mut self, now: Monotonic) -> Option<(Due, bool)> {
        if !self.may_begin(now) {
            return None;
        }
        let counted = matches!(self.source, Source::Closed(_)) && self.timeline.end == WindowEnd::LastSend;
        if !counted || now < self.timeline.t1 {
            return self.source.next(now, self.in_flight).map(|due| (due, false));
        }
        // A ticket is taken only by a user who is there to use it.
        let is_due = self.source.next_due(self.in_flight).is_some_and(|at| at <= now);
        if !is_due || !self.shared.take_ticket() {
            return None;
        }
        self.source.next(now, self.in_flight).map(|due| (due, true))
    }

    /// Begins one request.
    fn begin(&mut self, due: Due, ticket: bool, now: Monotonic) -> Result<(), EngineError> {
        let endpoint = (self.begun % self.plan.servers.len() as u64) as u16;
        self.begun += 1;
        let mut exchange = self.prepare(due, endpoint, now);
        exchange.ticket = ticket;
        self.in_flight += 1;
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        self.recount(&mut exchange);
        match self.connections.take_idle(endpoint) {
            Some(slot) => {
                exchange.connection_free = true;
                self.deadlines.insert((exchange.deadline, slot));
                if let Some(connection) = self.connections.get(slot) {
                    connection.exchange = Some(exchange);
                }
                self.send(slot)
            }
            None => self.connect(exchange),
        }
    }

    /// Makes a request, with its bytes.
    pub(super) fn prepare(&mut self, due: Due, endpoint: u16, now: Monotonic) -> Box<Exchange> {
        let seq = self.shared.issued.fetch_add(1, Ordering::Relaxed);
        // The schedule's position is the trial's number; users of all clients take turns.
        let index = due
            .position
            .unwrap_or_else(|| self.plan.spec.client.position(seq));
        let request_id = format!("{}-{seq}", self.plan.spec.request_prefix);
        let mut output = self.memory.outputs.pop().unwrap_or_default();
        let server = self.plan.server(endpoint);
        let asked = self
            .plan
            .render(server, &request_id, index, &mut self.memory.body, &mut output);
        let events = if self.plan.spec.stream {
            asked.output_planned as usize + EXTRA_EVENTS
        } else {
            0
        };
        Box::new(Exchange {
            request_id,
            seq,
            endpoint,
            asked,
            due,
            dispatch: now,
            ticket: false,
            counted: false,
            connection_free: false,
            times: Times {
                intended: self.timeline.since_t0(due.intended),
                dispatch: Some(self.timeline.since_t0(now)),
                ..Times::default()
            },
            sent: None,
            deadline: now.plus(self.plan.spec.timeout),
            output,
            written: 0,
            retries: 0,
            reader: ResponseReader::new(self.plan.spec.dialect, self.plan.spec.stream),
            events: reserved(events.min(MAX_RESERVED_EVENTS)),
            bytes_received: 0,
        })
    }

    /// Opens a connection for a request.
    fn connect(&mut self, mut exchange: Box<Exchange>) -> Result<(), EngineError> {
        let now = Monotonic::now();
        exchange.times.connect_start = Some(self.timeline.since_t0(now));
        let (endpoint, deadline) = (exchange.endpoint, exchange.deadline);
        let address = self.plan.server(endpoint).address;
        match self
            .connections
            .connect(self.poller.registry(), endpoint, address, exchange)
        {
            Ok(slot) => {
                self.deadlines.insert((deadline, slot));
                Ok(())
            }
            Err((error, exchange)) => {
                let fault = Fault::new(
                    ErrorKind::Connect,
                    format!("cannot connect to {address}: {error}"),
                );
                self.finish_detached(*exchange, Ending::Fault(fault), now)
            }
        }
    }

    /// A connection that is being made has news.
    pub(super) fn connected(&mut self, ready: Ready) -> Result<(), EngineError> {
        let now = Monotonic::now();
        let since_t0 = self.timeline.since_t0(now);
        let Some(connection) = self.connections.get(ready.slot) else {
            return Ok(());
        };
        let failed = match connection.socket.take_error() {
            Ok(None) if !ready.writable => return Ok(()),
            Ok(None) => connection
                .socket
                .peer_addr()
                .err()
                .filter(|error| !is_pending(error)),
            Ok(Some(error)) | Err(error) => Some(error),
        };
        if let Some(error) = failed {
            let text = match connection.exchange.as_ref() {
                Some(exchange) => {
                    format!(
                        "cannot connect to {}: {error}",
                        self.plan.server(exchange.endpoint).address
                    )
                }
                None => error.to_string(),
            };
            return self.finish(
                ready.slot,
                Ending::Fault(Fault::new(ErrorKind::Connect, text)),
                now,
            );
        }
        connection.established = true;
        connection.emptied_at = now;
        if let Some(exchange) = &mut connection.exchange {
            exchange.times.connect_end = Some(since_t0);
        }
        self.send(ready.slot)
    }

    /// Sends what is left of a connection's request.
    pub(super) fn send(&mut self, slot: usize) -> Result<(), EngineError> {
        loop {
            let before = Monotonic::now();
            let since_t0 = self.timeline.since_t0(before);
            let Some(connection) = self.connections.get(slot) else {
                return Ok(());
            };
            let Some(exchange) = connection
                .exchange
                .as_mut()
                .filter(|exchange| exchange.sent.is_none())
            else {
                return Ok(());
            };
            if exchange.written == 0 && !exchange.ticket && lacks_ticket(&self.timeline, exchange, before) {
                if !self.shared.take_ticket() {
                    // The window's last request has been sent while this one was connecting.
                    return self.finish(slot, Ending::Cancelled, before);
                }
                exchange.ticket = true;
            }
            exchange.times.send_start.get_or_insert(since_t0);
            let rest = exchange.output.get(exchange.written..).unwrap_or_default();
            match connection.socket.write(rest) {
                Ok(taken) => {
                    exchange.written += taken;
                    if exchange.written >= exchange.output.len() {
                        self.sent(slot, before);
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.send_failed(slot, &error, before),
            }
        }
    }

    /// The kernel has taken the last byte of a request, by a call that began at `sent`.
    fn sent(&mut self, slot: usize, sent: Monotonic) {
        let Some(connection) = self.connections.get(slot) else {
            return;
        };
        let Some(mut exchange) = connection.exchange.take() else {
            return;
        };
        let since_t0 = self.timeline.since_t0(sent);
        exchange.sent = Some(sent);
        exchange.times.sent = Some(since_t0);
        exchange.times.send_done = Some(self.timeline.since_t0(Monotonic::now()));
        self.recount(&mut exchange);
        if exchange.phase(&self.timeline) == Phase::Window {
            self.shared.note_send(since_t0);
            if exchange.connection_free && exchange.retries == 0 && !exchange.due.queued {
                self.report
                    .lateness
                    .record_between(exchange.times.intended, since_t0);
            }
        }
        let mut output = std::mem::take(&mut exchange.output);
        if self.memory.outputs.len() < MAX_KEPT_OUTPUTS {
            output.clear();
            self.memory.outputs.push(output);
        }
        if let Some(connection) = self.connections.get(slot) {
            connection.exchange = Some(exchange);
        }
    }

    /// The kernel refused to send.
    fn send_failed(&mut self, slot: usize, error: &io::Error, now: Monotonic) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let begun = connection
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.written > 0);
        let kind = if connection.used > 0 {
            ErrorKind::StaleConnection
        } else {
            ErrorKind::Send
        };
        let text = format!("cannot send the request: {error}");
        if begun {
            return self.finish(slot, Ending::Fault(Fault::new(kind, text)), now);
        }
        self.move_to_fresh(slot, kind, text, now)
    }

    /// Moves a request of which the kernel has not taken a byte to a fresh connection; after too many, it fails.
    pub(super) fn move_to_fresh(
        &mut self,
        slot: usize,
        kind: ErrorKind,
        text: String,
        now: Monotonic,
    ) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let Some(exchange) = &connection.exchange else {
            return Ok(());
        };
        if exchange.retries >= MAX_RETRIES {
            return self.finish(slot, Ending::Fault(Fault::new(kind, text)), now);
        }
        self.deadlines.remove(&(exchange.deadline, slot));
        let Some(mut exchange) = self.connections.close(slot) else {
            return Ok(());
        };
        exchange.retries += 1;
        exchange.connection_free = false;
        self.connect(exchange)
    }

    /// Keeps the number of measured requests that have not ended, as this one's membership becomes known.
    pub(super) fn recount(&self, exchange: &mut Exchange) {
        let measured = exchange.phase(&self.timeline) == Phase::Window;
        if measured != exchange.counted {
            let change = if measured { 1 } else { -1 };
            self.shared.measured_open.fetch_add(change, Ordering::AcqRel);
            exchange.counted = measured;
        }
    }
}

/// Whether a request that began before the window is about to be sent in it, where sends are counted.
fn lacks_ticket(timeline: &super::Timeline, exchange: &Exchange, now: Monotonic) -> bool {
    timeline.end == WindowEnd::LastSend && exchange.due.position.is_none() && now >= timeline.t1
}

/// Whether a connection is still being made.
fn is_pending(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotConnected || error.raw_os_error() == Some(nix::libc::EINPROGRESS)
}

fn reserved(events: usize) -> StreamEvents {
    StreamEvents {
        t: Vec::with_capacity(events),
        read_lag: Vec::with_capacity(events),
        uncertainty: Vec::with_capacity(events),
        kind: Vec::with_capacity(events),
        text_bytes: Vec::with_capacity(events),
        tokens: Vec::with_capacity(events),
    }
}
