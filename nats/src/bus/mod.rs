//! The bus as its users see it, without a word about NATS.

mod connection;
mod delivery;
mod events;
mod incoming;
mod messages;
mod roles;

pub(crate) use connection::ConnectionSender;
pub use connection::{Connection, ConnectionWatch};
pub(crate) use delivery::{ReportPath, deliver};
pub(crate) use events::read_lines;
pub use events::{CatchUp, EventLine, LogLines, Observed, ObservedEvent};
pub use incoming::Incoming;
pub use messages::{
    CancelRequest, Command, Heartbeat, LogLine, Metric, Ping, Pong, Receipt, Report, Responder,
};
pub use roles::{AgentBus, ControlBus, ObserverBus, OrchestratorBus};
