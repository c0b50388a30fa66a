//! Making connections for requests.

use std::io;
use std::net::SocketAddr;

use hpcbench_records::ErrorKind;
use hpcbench_timing::Monotonic;

use super::exchange::{Ending, Exchange};
use super::poller::Ready;
use super::{Engine, EngineError};
use crate::fault::Fault;

/// How often a request is moved to a fresh connection before the kernel has taken a byte of it.
const MAX_RETRIES: u8 = 3;

impl Engine {
    /// Opens a connection for a request.
    pub(super) fn connect(&mut self, mut exchange: Box<Exchange>) -> Result<(), EngineError> {
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
                let fault = cannot_connect(address, &error);
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
            Ok(None) => match connection.socket.peer_addr() {
                Ok(_) => None,
                Err(error) if is_pending(&error) => return Ok(()),
                Err(error) => Some(error),
            },
            Ok(Some(error)) | Err(error) => Some(error),
        };
        if let Some(error) = failed {
            let address = self.plan.server(connection.endpoint).address;
            return self.finish(ready.slot, Ending::Fault(cannot_connect(address, &error)), now);
        }
        connection.established = true;
        connection.emptied_at = now;
        if let Some(exchange) = &mut connection.exchange {
            exchange.times.connect_end = Some(since_t0);
        }
        self.secure(ready)
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
        exchange.times.send_start = None;
        exchange.times.tls_end = None;
        self.connect(exchange)
    }
}

fn cannot_connect(address: SocketAddr, error: &io::Error) -> Fault {
    Fault::new(
        ErrorKind::Connect,
        format!("cannot connect to {address}: {error}"),
    )
}

/// Whether a connection is still being made.
fn is_pending(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotConnected || error.raw_os_error() == Some(nix::libc::EINPROGRESS)
}
