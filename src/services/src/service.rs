//! What a kind of service has to say about itself.

use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{KindDescription, ServiceProblem};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::endpoint::{InvalidUrl, ServiceEndpoint};
use crate::launch::{LaunchContext, Start, StopPolicy};
use crate::readiness::Readiness;

/// A kind of service. The methods stand in the order in which a service's life needs them.
pub trait Service: Sync {
    /// Which kind it is.
    fn kind(&self) -> ServiceKind;

    /// What recipes need to know about it.
    fn describe(&self) -> KindDescription;

    /// The schema of its options; definitions go into the generator.
    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema;

    /// Its options with every default filled in.
    fn complete_options(&self, options: &Map<String, Value>)
    -> Result<Map<String, Value>, serde_json::Error>;

    /// Problems of a recipe that no schema can express.
    fn check(&self, service: &ServiceSection, workload: &Workload) -> Vec<ServiceProblem>;

    /// How an instance comes to run.
    fn start(&self, plan: &ServicePlan, context: &LaunchContext) -> Result<Start, ServiceError>;

    /// How to find out that an instance is ready.
    fn readiness(&self, plan: &ServicePlan) -> Result<Readiness, ServiceError>;

    /// Where requests go.
    fn endpoints(
        &self,
        plan: &ServicePlan,
        context: &LaunchContext,
    ) -> Result<Vec<ServiceEndpoint>, ServiceError>;

    /// Where it shows its own metrics, if it does.
    fn metrics(&self, plan: &ServicePlan) -> Option<Metrics>;

    /// How it is ended.
    fn stop(&self) -> StopPolicy;
}

/// Where a service shows its own metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// Path below the endpoint's host, not below its base path.
    pub path: &'static str,
    /// The names it uses.
    pub dialect: MetricsDialect,
}

/// The names of a service's metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsDialect {
    /// vLLM's: `vllm:num_requests_running` and others.
    Vllm,
}

/// A plan that its kind cannot carry out: it was not made from a checked recipe.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The options do not have the form of their schema.
    #[error("the options of the {kind} service cannot be read")]
    Options {
        /// The kind.
        kind: ServiceKind,
        /// What is wrong with them.
        #[source]
        source: serde_json::Error,
    },
    /// An endpoint's URL cannot be used.
    #[error("an endpoint of the {kind} service cannot be used")]
    Endpoint {
        /// The kind.
        kind: ServiceKind,
        /// What is wrong with it.
        #[source]
        source: InvalidUrl,
    },
}
