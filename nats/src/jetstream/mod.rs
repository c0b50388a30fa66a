//! The bus over a real nats-server: the only module that speaks to the client library.

mod agent;
mod complaints;
mod control;
mod feed;
mod link;
mod observer;
mod orchestrator;
mod reports;
mod republisher;
mod streams;
mod subscription;
mod target;

pub use agent::Agent;
pub use control::Control;
pub use link::Address;
pub use observer::Observer;
pub use orchestrator::Orchestrator;
pub use republisher::Republisher;
