//! The service supervisor: starts, watches and stops the service instances of its node.

mod actor;
mod address;
mod cluster;
mod container;
mod endpoints;
mod environment;
mod instance;
mod keys;
mod last_words;
mod model;
mod preflight;
mod probe;
mod processes;
mod ready;
mod remarks;
mod reset;
mod share;
mod short_path;
mod start;
mod watch;

pub use actor::Supervisor;
pub(crate) use endpoints::declared;
pub use environment::{SecretError, environment};
pub(crate) use keys::api_key;
pub(crate) use reset::reset;
