//! The bus of a run: one nats-server, its configuration, and typed handles for those who talk over it.
//!
//! The event log is the truth; the bus is transport and live feed, so losing it loses no history. Payloads are
//! bytes here: what a command or report says is the actors' business.
//!
//! The only crate that knows NATS. Everybody else uses the traits [`OrchestratorBus`], [`AgentBus`],
//! [`ObserverBus`] and [`ControlBus`]: over a nats-server as [`Orchestrator`], [`Agent`], [`Observer`] and
//! [`Control`], over [`MemoryBus`] in tests.

mod bus;
mod error;
mod jetstream;
pub mod limits;
mod memory;
mod names;
mod rendezvous;
mod secret;
mod server;
pub mod subject;

pub use bus::{
    AgentBus, CancelRequest, CatchUp, Command, Connection, ConnectionWatch, ControlBus, EventLine, Heartbeat,
    Incoming, LogLine, LogLines, Metric, Observed, ObservedEvent, ObserverBus, OrchestratorBus, Ping, Pong,
    Receipt, Report, Responder,
};
pub use bytes::Bytes;
pub use error::BusError;
pub use hpcbench_core::message::ReportId;
pub use hpcbench_core::{Actor, LogCategory};
pub use jetstream::{Address, Agent, Control, Observer, Orchestrator, Republisher};
pub use memory::{MemoryAgent, MemoryBus, MemoryControl, MemoryObserver, MemoryOrchestrator};
pub use rendezvous::{Credential, Credentials, Rendezvous, RendezvousError};
pub use secret::{SECRET_BYTES, Secret};
pub use server::{
    ConfigError, Launch, LaunchError, NotReady, Passwords, Port, SERVER_VARIABLE, ServerConfig,
    ServerNotFound, find_server,
};
pub use subject::{EventType, InvalidEventType, InvalidSubject};
