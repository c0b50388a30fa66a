//! The service factory: what has to be known about each kind of service, and nothing else.
//!
//! A kind is one file or folder that implements [`Service`], and one line in the [registry](find). Its life cycle is fixed:
//!
//! ```text
//! check options, nodes ─► placement ─► preflight ─► launch command ─► readiness probe, list of models ─► warm-up
//!                                          ─► endpoints ─► metrics ─► diagnosis of a failure ─► stop
//! ```
//!
//! Nothing here starts, asks or reads anything: the supervisor does, with what it learns here.

mod custom;
mod demand;
mod diagnose;
mod endpoint;
#[cfg(test)]
mod example;
mod launch;
mod llama_cpp;
mod models;
mod ollama;
mod openai;
mod options;
mod rank;
mod readiness;
mod registry;
mod service;
mod simulator;
mod stored;
#[cfg(test)]
mod testing;
mod vllm;
mod vllm_ray;
mod warmup;

pub use diagnose::{DIAGNOSIS_LINES, Diagnosis, Trouble, diagnose};
pub use endpoint::{ApiKey, BaseUrl, InvalidUrl, ServiceEndpoint, Trust};
pub use launch::{
    Extras, HostPath, LaunchCommand, LaunchContext, Needs, OnCluster, SHORT_PATH_BYTES, Start, StopPolicy,
    Token,
};
pub use models::{InvalidModelList, ModelList};
pub use rank::Rank;
pub use readiness::{Probe, ProbeResult, Readiness};
pub use registry::{Registry, find};
pub use service::{Metrics, MetricsDialect, ModelSource, Service, ServiceError, Wanted};
pub use stored::StoredModel;
pub use warmup::{FirstRequest, Loaded, Warmup};
