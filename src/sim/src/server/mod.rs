//! The shell: sockets, signals and the clock around the engine.

mod connection;
mod error;
mod event_loop;
mod process;
mod slots;
mod stop;
mod traffic;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use hpcbench_timing::enable_receive_stamps;
use mio::{Poll, Waker};
use nix::sys::socket::{Backlog, listen};

use crate::config::SimulatorConfig;
pub use error::SimError;
use event_loop::{EventLoop, WAKER};
pub use process::serve;
pub use stop::StopHandle;

/// Connections that may wait to be accepted: a client opens all of its connections at once.
const BACKLOG: i32 = 4_096;

/// A service that is bound to its address.
#[derive(Debug)]
pub struct Simulator {
    config: SimulatorConfig,
    listener: TcpListener,
    address: SocketAddr,
    poll: Poll,
    stop: StopHandle,
}

/// How a service ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It was told to stop.
    Stopped,
    /// It died after the configured number of requests: the process should exit with this code.
    Died {
        /// The configured exit code.
        exit_code: u8,
    },
}

impl Simulator {
    /// Checks the settings and binds the address. From now on connections are taken; [`run`](Self::run) answers them.
    ///
    /// # Errors
    /// [`SimError::Config`] names all settings that are out of range; the others say what the system refused.
    pub fn bind(config: SimulatorConfig) -> Result<Self, SimError> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(SimError::Config(problems));
        }
        let wanted = SocketAddr::new(config.host, config.port);
        let listener = TcpListener::bind(wanted).map_err(|source| SimError::Bind {
            address: wanted,
            source,
        })?;
        listener
            .set_nonblocking(true)
            .map_err(SimError::setup("make the socket non-blocking"))?;
        // Accepted connections inherit this, so that even a request that arrives before its connection is accepted
        // is stamped. Without stamps the time of the read is used, and the truth says so.
        if let Err(error) = enable_receive_stamps(&listener) {
            tracing::warn!(%error, "the kernel gives no receive stamps; arrivals are times of reads");
        }
        Backlog::new(BACKLOG)
            .and_then(|backlog| listen(&listener, backlog))
            .map_err(|errno| SimError::setup("widen the backlog")(errno.into()))?;
        let address = listener
            .local_addr()
            .map_err(SimError::setup("read the address"))?;
        let poll = Poll::new().map_err(SimError::setup("create the poll"))?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(SimError::setup("create the waker"))?;
        Ok(Self {
            config,
            listener,
            address,
            poll,
            stop: StopHandle::new(Arc::new(waker)),
        })
    }

    /// The address with the port that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stops the service from another thread.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Serves until it is stopped or has come to its configured end. Open connections are closed then.
    ///
    /// # Errors
    /// [`SimError::Setup`] when the poll itself fails. Trouble with one connection ends that connection only.
    pub fn run(self) -> Result<Exit, SimError> {
        EventLoop::new(self.config, self.listener, self.poll, self.stop)?.run()
    }
}
