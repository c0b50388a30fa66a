//! Sending requests.

use std::io::{self, Write as _};

use hpcbench_records::{ErrorKind, Phase};
use hpcbench_timing::Monotonic;

use super::exchange::{Ending, Exchange};
use super::timeline::{Timeline, WindowEnd};
use super::{Engine, EngineError};
use crate::fault::Fault;

/// Output buffers that are kept for the next requests.
const MAX_KEPT_OUTPUTS: usize = 256;

impl Engine {
    /// Sends what is left of a connection's request.
    pub(super) fn send(&mut self, slot: usize) -> Result<(), EngineError> {
        if !self.seal(slot)? {
            return Ok(());
        }
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
            let rest = match &connection.tls {
                None => exchange.output.get(exchange.written..).unwrap_or_default(),
                Some(session) => session.unsent(),
            };
            let left = rest.len();
            match connection.socket.write(rest) {
                Ok(taken) => {
                    exchange.written += taken;
                    if let Some(session) = &mut connection.tls {
                        session.sent(taken);
                    }
                    if taken >= left {
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

    /// Under TLS, encrypts a request that has not been yet. Whether it can be sent.
    fn seal(&mut self, slot: usize) -> Result<bool, EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(false);
        };
        let (Some(session), Some(exchange)) = (&mut connection.tls, &connection.exchange) else {
            return Ok(true);
        };
        // What is there to send else is the rest of this request.
        if exchange.times.send_start.is_some() {
            return Ok(true);
        }
        match session.seal(&exchange.output) {
            Ok(()) => Ok(true),
            Err(error) => {
                self.tls_failed(slot, &error)?;
                Ok(false)
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
        // Sizes are those of HTTP's own bytes.
        exchange.written = exchange.output.len();
        exchange.times.sent = Some(since_t0);
        exchange.times.send_done = Some(self.timeline.since_t0(Monotonic::now()));
        self.in_flight_meter.sent(since_t0);
        self.recount(&mut exchange);
        if exchange.phase(&self.timeline) == Phase::Window {
            self.shared.note_send(since_t0);
            if let Some(begun) = began_by_us(&exchange) {
                self.report
                    .lateness
                    .record_between(exchange.times.intended, begun);
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
        let endpoint = connection.endpoint;
        let kind = if connection.used > 0 {
            self.connections.lost_request(endpoint);
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
}

/// Until when nobody but us was in a request's way: its send, or, where it had to connect first, the beginning of that. A
/// request that waited for others to end has no such time, nor have the first ones of users, who all begin at once.
fn began_by_us(exchange: &Exchange) -> Option<i64> {
    let at_once = exchange.connection_free && exchange.retries == 0;
    let begun = if at_once {
        exchange.times.sent
    } else {
        exchange.times.dispatch
    };
    let in_a_crowd = exchange.due.position.is_none() && exchange.times.intended <= 0;
    begun.filter(|_| !exchange.due.queued && !in_a_crowd)
}

/// Whether a request that began before the window is about to be sent in it, where sends are counted.
fn lacks_ticket(timeline: &Timeline, exchange: &Exchange, now: Monotonic) -> bool {
    timeline.end == WindowEnd::LastSend && exchange.due.position.is_none() && now >= timeline.t1
}
