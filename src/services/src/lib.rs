//! The service factory: what has to be known about each kind of service, and nothing else.
//!
//! A kind is one file or folder in `kinds` that implements [`Service`], and its place in the [registry](REGISTRY) there. Its life cycle is fixed:
//!
//! ```text
//! check options, nodes ─► placement ─► preflight ─► launch command ─► readiness probe, list of models ─► warm-up
//!                                          ─► endpoints ─► metrics ─► diagnosis of a failure ─► stop
//! ```
//!
//! Nothing here starts, asks or reads anything: the supervisor does, with what it learns here.

mod demand;
mod diagnose;
mod endpoint;
mod kinds;
mod launch;
mod models;
mod options;
mod rank;
mod readiness;
mod service;
mod stored;
#[cfg(test)]
mod testing;
mod warmup;

pub use diagnose::{DIAGNOSIS_LINES, Diagnosis, Trouble, diagnose};
pub use endpoint::{ApiKey, BaseUrl, InvalidUrl, ServiceEndpoint, Trust};
pub use kinds::{REGISTRY, Registry, find, unknown_kind};
pub use launch::{
    Extras, HostPath, LaunchCommand, LaunchContext, Needs, OnCluster, SHORT_PATH_BYTES, Start, StopPolicy,
    Token,
};
pub use models::{InvalidModelList, ModelList};
pub use rank::Rank;
pub use readiness::{Probe, ProbeResult, Readiness};
pub use service::{Metrics, MetricsDialect, ModelSource, PREFLIGHT_PATIENCE, Service, ServiceError, Wanted};
pub use stored::StoredModel;
pub use warmup::{FirstRequest, Loaded, Warmup};
