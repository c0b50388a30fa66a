//! The nats-server of a run: where its program is, how it is configured, how to start it, and when it is ready.

mod config;
mod find;
mod launch;
mod passwords;
mod ready;

pub use config::{ConfigError, Port, ServerConfig};
pub use find::{SERVER_VARIABLE, ServerNotFound, find_server};
pub use launch::{Launch, LaunchError};
pub use passwords::Passwords;
pub use ready::NotReady;
