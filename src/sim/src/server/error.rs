//! Why a service cannot run.

use std::io;
use std::net::SocketAddr;

use crate::config::InvalidConfig;

/// Why a service cannot be started, or not go on.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// Settings that make no sense; all of them at once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<InvalidConfig>),
    /// The address cannot be bound.
    #[error("cannot listen on {address}; port 0 takes a free one")]
    Bind {
        /// The address that was wanted.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The system refused something that a server needs.
    #[error("cannot {action}")]
    Setup {
        /// What was to be done.
        action: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl SimError {
    /// For `map_err`: says what was to be done.
    pub(super) fn setup(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Setup { action, source }
    }
}
