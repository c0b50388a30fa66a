//! TLS handshakes, and what is written besides requests.

use std::io::{self, Write as _};
use std::sync::Arc;

use hpcbench_records::ErrorKind;
use hpcbench_timing::{Monotonic, recv_stamped};
use mio::net::TcpStream;

use super::exchange::Ending;
use super::poller::Ready;
use super::session::Session;
use super::{Engine, EngineError};
use crate::fault::{Fault, MAX_ERROR_TEXT, shorten};
use crate::tls::explain;

impl Engine {
    /// Begins the handshake of a connection whose TCP side is there, if its endpoint wants one; otherwise the request
    /// is sent.
    pub(super) fn secure(&mut self, ready: Ready) -> Result<(), EngineError> {
        let slot = ready.slot;
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let Some(identity) = &self.plan.server(connection.endpoint).tls else {
            return self.send(slot);
        };
        match Session::new(Arc::clone(&identity.config), identity.name.clone()) {
            Ok(session) => connection.tls = Some(Box::new(session)),
            Err(error) => return self.tls_failed(slot, &error),
        }
        self.shake_hands(ready)
    }

    /// Goes on with a handshake; when it is done, sends the request.
    pub(super) fn shake_hands(&mut self, ready: Ready) -> Result<(), EngineError> {
        let slot = ready.slot;
        let mut received = 0;
        loop {
            let Some(connection) = self.connections.get(slot) else {
                return Ok(());
            };
            let Some(session) = connection.tls.as_deref_mut() else {
                return Ok(());
            };
            let kept = session.restore(&mut self.memory.read);
            let input = self.memory.read.get_mut(..kept + received).unwrap_or_default();
            if let Err(error) = session.open(input, |_| {}) {
                return self.tls_failed(slot, &error);
            }
            if let Err(error) = flush(session, &mut connection.socket) {
                return self.handshake_broke(slot, &error.to_string());
            }
            if session.peer_closed {
                return self.handshake_broke(slot, "the server said that it closes");
            }
            if session.established && session.unsent().is_empty() {
                break;
            }
            let kept = session.restore(&mut self.memory.read);
            let room = self.memory.read.get_mut(kept..).unwrap_or_default();
            match recv_stamped(&connection.socket, room) {
                Ok(read) if read.bytes == 0 => {
                    return self.handshake_broke(slot, "the server closed the connection");
                }
                Ok(read) => received = read.bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return self.handshake_broke(slot, &error.to_string()),
            }
        }
        let since_t0 = self.timeline.since_t0(Monotonic::now());
        if let Some(exchange) = self
            .connections
            .get(slot)
            .and_then(|connection| connection.exchange.as_mut())
        {
            exchange.times.tls_end = Some(since_t0);
        }
        self.send(slot)?;
        // What came behind the handshake makes no further report.
        self.receive(ready)
    }

    /// Sends what TLS itself has to say while no request is being written.
    pub(super) fn flush_tls(&mut self, slot: usize) {
        let Some(connection) = self.connections.get(slot) else {
            return;
        };
        let busy = connection
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.sent.is_none());
        if let Some(session) = connection.tls.as_deref_mut().filter(|_| !busy) {
            // A connection that is broken shows it at the next read.
            let _ = flush(session, &mut connection.socket);
        }
    }

    /// TLS found a fault.
    pub(super) fn tls_failed(&mut self, slot: usize, error: &rustls::Error) -> Result<(), EngineError> {
        let now = Monotonic::now();
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let host = &self.plan.server(connection.endpoint).host;
        let begun = connection.tls.as_ref().is_some_and(|session| session.established);
        let what = if begun {
            "TLS failed with"
        } else {
            "no TLS connection to"
        };
        let text = format!("{what} {host}: {}", explain(error));
        if let Some(session) = connection.tls.as_deref_mut() {
            // The server need not hear of it.
            let _ = flush(session, &mut connection.socket);
        }
        if connection.exchange.is_none() {
            self.connections.close(slot);
            return Ok(());
        }
        let fault = Fault::new(ErrorKind::Tls, shorten(text.as_bytes(), MAX_ERROR_TEXT));
        self.finish(slot, Ending::Fault(fault), now)
    }

    fn handshake_broke(&mut self, slot: usize, reason: &str) -> Result<(), EngineError> {
        let Some(connection) = self.connections.get(slot) else {
            return Ok(());
        };
        let host = &self.plan.server(connection.endpoint).host;
        let text = format!("no TLS connection to {host}: {reason} during the handshake");
        self.finish(
            slot,
            Ending::Fault(Fault::new(ErrorKind::Tls, text)),
            Monotonic::now(),
        )
    }
}

/// Writes as much of a session's output as the socket takes.
fn flush(session: &mut Session, socket: &mut TcpStream) -> io::Result<()> {
    while !session.unsent().is_empty() {
        match socket.write(session.unsent()) {
            Ok(taken) => session.sent(taken),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
