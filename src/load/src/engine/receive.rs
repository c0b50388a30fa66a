//! Reading responses.

use std::io;

use hpcbench_records::ErrorKind;
use hpcbench_timing::{Arrival, Monotonic, recv_stamped};

use super::connections::{Connection, ResponseEnd};
use super::exchange::{Ending, ReadTimes, count_source};
use super::poller::Ready;
use super::{Engine, EngineError};
use crate::fault::Fault;

/// Most reads of one socket in one turn, so that a server that sends without end does not keep the others waiting.
const MAX_READS_PER_TURN: usize = 16;

/// How long who asked waits for the end of a response after the server said that nothing more comes, nanoseconds. Most
/// servers end it with the next packet; from one that does not, no end is awaited until it ends one in time again.
const PATIENCE_AFTER_DONE: i64 = 10_000_000;

impl Engine {
    /// Reads a connection until its socket is empty, or for as long as one turn allows.
    pub(super) fn receive(&mut self, ready: Ready) -> Result<(), EngineError> {
        let slot = ready.slot;
        let mut before = Monotonic::now();
        let turn = self.poller.turn();
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let reported_in = std::mem::replace(&mut connection.reported_in, turn);
        let seen_empty = self.poller.seen_empty(reported_in);
        for _ in 0..MAX_READS_PER_TURN {
            let Some(connection) = self.connections.get(slot) else {
                return Ok(());
            };
            // Under TLS a record that is not complete waits for its rest, which belongs behind it.
            let kept = match &connection.tls {
                None => 0,
                Some(session) => session.restore(&mut self.memory.read),
            };
            let room = self.memory.read.get_mut(kept..).unwrap_or_default();
            let room_bytes = room.len();
            let received = recv_stamped(&connection.socket, room);
            let read = Monotonic::now();
            match received {
                Ok(received) if received.bytes == 0 => return self.closed_by_server(slot, read),
                Ok(received) => {
                    let emptied = received.bytes < room_bytes;
                    let since = connection
                        .emptied_at
                        .max(seen_empty.unwrap_or(Monotonic(i64::MIN)));
                    if emptied {
                        connection.emptied_at = before;
                    }
                    let bytes = kept + received.bytes;
                    match connection.exchange.as_ref().map(|exchange| exchange.earliest()) {
                        None => self.take_unasked(slot, bytes, read)?,
                        Some(earliest) => {
                            let times = ReadTimes {
                                arrival: Arrival::resolve(received.stamp, &self.poller.clock, earliest, read),
                                seen_empty: since,
                                read,
                                ends_with_response: true,
                            };
                            self.take(slot, bytes, times)?;
                        }
                    }
                    // A closed peer makes no further report: read on to the end.
                    if emptied && !ready.closed {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return self.receive_failed(slot, &error, read),
            }
            before = read;
        }
        self.unread.push(ready);
        Ok(())
    }

    /// Takes the first `bytes` of the read buffer as a part of the connection's response.
    fn take(&mut self, slot: usize, bytes: usize, mut times: ReadTimes) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let Some(exchange) = connection.exchange.as_deref_mut() else {
            return Ok(());
        };
        let parsed = &mut self.memory.parsed;
        parsed.clear();
        let was_done = exchange.reader.summary().is_done();
        let bytes_before = exchange.bytes_received;
        let mut result = Ok(());
        let mut feed = |part: &[u8]| {
            exchange.bytes_received += part.len() as u64;
            if result.is_ok() {
                result = exchange.reader.feed(part, parsed);
            }
        };
        let input = self.memory.read.get_mut(..bytes).unwrap_or_default();
        let mut opened = Ok(());
        match &mut connection.tls {
            None => feed(input),
            Some(session) => match session.open(input, feed) {
                Ok(ends_with_response) => times.ends_with_response = ends_with_response,
                Err(error) => opened = Err(error),
            },
        }
        // What TLS has to say for itself is no part of the response, and may come before the request is sent.
        if exchange.bytes_received > bytes_before && self.meter.is_open() {
            count_source(&mut self.report, times.arrival.source);
        }
        exchange.take_events(parsed, times, &self.timeline);
        let complete = exchange.reader.is_complete();
        // An answer without a stream has no event that could tell it.
        if complete
            && !self.plan.spec.stream
            && self.meter.is_open()
            && let Some(lag) = exchange.lag_of_end(times)
        {
            self.report.document_lag.record(lag);
        }
        if let Err(fault) = result {
            return self.finish(slot, Ending::Fault(fault), times.arrival.at);
        }
        if complete {
            self.finish(slot, Ending::Complete, times.arrival.at)?;
        } else if !was_done && exchange.reader.summary().is_done() {
            self.said_done(slot, times)?;
        }
        self.after_opening(slot, opened, times.read)
    }

    /// The server has said that nothing more comes, and has not ended the response.
    fn said_done(&mut self, slot: usize, times: ReadTimes) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let endpoint = connection.endpoint;
        let Some(exchange) = connection.exchange.as_deref_mut() else {
            return Ok(());
        };
        exchange.done_at = Some(times.arrival.at);
        let sooner = times.read.plus_nanos(PATIENCE_AFTER_DONE);
        let sooner = exchange.deadline.min(sooner);
        self.deadlines.remove(&(exchange.deadline, slot));
        self.deadlines.insert((sooner, slot));
        exchange.deadline = sooner;
        match self.connections.last_end(endpoint) {
            ResponseEnd::Prompt => Ok(()),
            ResponseEnd::Late => self.release(slot, times.arrival.at),
        }
    }

    /// Takes the first `bytes` of the read buffer, which came while no answer was asked for: in order if they are the rest of
    /// one, or, under TLS, no answer at all.
    fn take_unasked(&mut self, slot: usize, bytes: usize, read: Monotonic) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let input = self.memory.read.get_mut(..bytes).unwrap_or_default();
        let Connection { tls, rest, .. } = connection;
        let parsed = &mut self.memory.parsed;
        parsed.clear();
        let mut in_order = true;
        let mut feed = |part: &[u8]| {
            let fed = rest.as_mut().map(|rest| rest.reader.feed(part, parsed));
            in_order &= matches!(fed, Some(Ok(())));
        };
        let opened = match tls {
            None => {
                feed(input);
                Ok(())
            }
            Some(session) => session.open(input, feed).map(drop),
        };
        if !in_order {
            self.connections.close(slot);
            return Ok(());
        }
        self.end_rest(slot, read);
        self.after_opening(slot, opened, read)
    }

    /// Makes a connection wait for the next request if the rest of its last response is complete.
    fn end_rest(&mut self, slot: usize, read: Monotonic) {
        let Some(connection) = self.connections.get(slot) else {
            return;
        };
        let Some(rest) = connection.rest.take_if(|rest| rest.reader.is_complete()) else {
            return;
        };
        let endpoint = connection.endpoint;
        self.deadlines.remove(&(rest.deadline, slot));
        let end = if read.nanos_since(rest.since) < PATIENCE_AFTER_DONE {
            ResponseEnd::Prompt
        } else {
            ResponseEnd::Late
        };
        self.connections.note_end(endpoint, end);
        if rest.reader.keeps_connection() {
            self.connections.put_idle(slot, read);
        } else {
            self.connections.close(slot);
        }
    }

    /// What follows from what TLS itself has said in a read, the response aside.
    fn after_opening(
        &mut self,
        slot: usize,
        opened: Result<(), rustls::Error>,
        read: Monotonic,
    ) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let Some(session) = &connection.tls else {
            return Ok(());
        };
        let peer_closed = session.peer_closed;
        if let Err(error) = opened {
            return self.tls_failed(slot, &error);
        }
        if peer_closed {
            return self.closed_by_server(slot, read);
        }
        self.flush_tls(slot);
        Ok(())
    }

    /// The server has closed its side.
    fn closed_by_server(&mut self, slot: usize, now: Monotonic) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let reused = connection.used > 0;
        let Some(exchange) = connection.exchange.as_deref_mut() else {
            self.connections.closed_while_idle(slot, now);
            return Ok(());
        };
        if reused && exchange.reader.is_untouched() {
            return self.stale(slot, "the server closed a used connection under the request", now);
        }
        self.memory.parsed.clear();
        let unsure = connection
            .tls
            .as_ref()
            .is_some_and(|session| !session.peer_closed);
        let result = if unsure && exchange.reader.ends_with_connection() {
            Err(Fault::new(
                ErrorKind::CutStream,
                "the connection was closed without TLS's closing message: the response may have been cut",
            ))
        } else {
            exchange.reader.end_of_input(&mut self.memory.parsed)
        };
        // The end of a connection has no stamp.
        let arrival = Arrival::resolve(None, &self.poller.clock, exchange.earliest(), now);
        let times = ReadTimes {
            arrival,
            seen_empty: connection.emptied_at,
            read: now,
            ends_with_response: true,
        };
        exchange.take_events(&self.memory.parsed, times, &self.timeline);
        let ending = match result {
            Ok(()) => Ending::Complete,
            Err(fault) => Ending::Fault(fault),
        };
        self.finish(slot, ending, now)
    }

    fn receive_failed(&mut self, slot: usize, error: &io::Error, now: Monotonic) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let reused = connection.used > 0;
        let Some(exchange) = connection.exchange.as_deref() else {
            self.connections.closed_while_idle(slot, now);
            return Ok(());
        };
        if reused && exchange.reader.is_untouched() {
            return self.stale(slot, "the server reset a used connection under the request", now);
        }
        let ending = if exchange.reader.summary().is_done() {
            Ending::Complete
        } else {
            Ending::Fault(Fault::new(
                ErrorKind::CutStream,
                format!("the connection broke: {error}"),
            ))
        };
        self.finish(slot, ending, now)
    }

    /// A connection that had carried requests before ended under this one, before any answer. Whether the server
    /// has seen the request cannot be known, unless nothing was sent.
    fn stale(&mut self, slot: usize, text: &'static str, now: Monotonic) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let endpoint = connection.endpoint;
        let unsent = connection
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.written == 0);
        self.connections.lost_request(endpoint);
        if unsent {
            return self.move_to_fresh(slot, ErrorKind::StaleConnection, text.into(), now);
        }
        self.finish(
            slot,
            Ending::Fault(Fault::new(ErrorKind::StaleConnection, text)),
            now,
        )
    }
}
