//! The service factory: what has to be known about each kind of service, and nothing else.
//!
//! A kind is one file that implements [`Service`], and one line in the [registry](find). Its life cycle is fixed:
//!
//! ```text
//! check options ─► launch command ─► readiness probe ─► endpoints ─► metrics ─► stop
//! ```
//!
//! Nothing here starts, asks or reads anything: the supervisor does, with what it learns here.

mod endpoint;
mod launch;
mod models;
mod openai;
mod readiness;
mod registry;
mod service;
mod simulator;

pub use endpoint::{BaseUrl, InvalidUrl, ServiceEndpoint};
pub use launch::{LaunchCommand, LaunchContext, Start, StopPolicy};
pub use models::{InvalidModelList, ModelList};
pub use readiness::{Probe, ProbeResult, Readiness};
pub use registry::{Registry, find};
pub use service::{Metrics, MetricsDialect, Service, ServiceError};
