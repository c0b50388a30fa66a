//! Stopping a service from outside.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// Stops the service that it belongs to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StopHandle {
    requested: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl StopHandle {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        Self {
            requested: Arc::new(AtomicBool::new(false)),
            waker,
        }
    }

    /// Makes [`Simulator::run`](crate::Simulator::run) return soon. Does nothing the second time.
    pub fn stop(&self) {
        self.requested.store(true, Ordering::Release);
        if let Err(error) = self.waker.wake() {
            tracing::warn!(%error, "cannot wake the service; it stops at its next request");
        }
    }

    pub(super) fn requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }
}

/// A socket that becomes readable when the process is asked to end by SIGTERM or SIGINT.
pub(super) fn signal_socket() -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        pipe::register(signal, writer.try_clone()?)?;
    }
    Ok(reader)
}
