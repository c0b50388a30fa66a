//! What a kind of service has to say about itself.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Nodes, Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{KindDescription, Placement, ServiceProblem};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::diagnose::Trouble;
use crate::endpoint::{InvalidUrl, ServiceEndpoint};
use crate::launch::{LaunchCommand, LaunchContext, Needs, Start, StopPolicy};
use crate::rank::Rank;
use crate::readiness::Readiness;
use crate::stored::StoredModel;
use crate::warmup::{FirstRequest, Warmup};

/// How long the programs of an image may take to say what they are: the image is read, and Python starts.
pub const PREFLIGHT_PATIENCE: Duration = Duration::from_mins(2);

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

    /// Problems with what the server nodes have.
    fn check_nodes(&self, _service: &ServiceSection, _nodes: &Nodes) -> Vec<ServiceProblem> {
        Vec::new()
    }

    /// How its instances lie on the server nodes, by their options.
    fn placement(&self, _options: &Map<String, Value>) -> Placement {
        Placement::PerNode
    }

    /// Where `hpcbench models pull` gets its model from, if that fetches models of this kind.
    fn model_source(&self) -> Option<ModelSource> {
        None
    }

    /// Where its model is stored, if that can be copied to a node; the plan of the copy is [`StoredModel::moved`].
    fn stored_model(&self, _plan: &ServicePlan) -> Option<StoredModel> {
        None
    }

    /// What each of its processes needs besides an address, a port and a directory.
    fn needs(&self, _plan: &ServicePlan) -> Needs {
        Needs::default()
    }

    /// A command that is run to its end before anything else, on each node, and prints what can be said about the programs there.
    /// None where asking takes about as long as starting, such as vLLM's program, which loads its libraries first. It may fill the
    /// directory `scratch`, and takes [`PREFLIGHT_PATIENCE`] at most.
    fn preflight(&self, _plan: &ServicePlan, _scratch: &Path) -> Result<Option<LaunchCommand>, ServiceError> {
        Ok(None)
    }

    /// What is wrong with the programs, by what the [preflight](Self::preflight) has printed.
    fn judge_preflight(&self, _plan: &ServicePlan, _printed: &str) -> Result<(), String> {
        Ok(())
    }

    /// How an instance comes to run.
    fn start(&self, plan: &ServicePlan, context: &LaunchContext) -> Result<Start, ServiceError>;

    /// How one of an instance's processes comes to run, where an instance has one on each of several nodes.
    ///
    /// # Errors
    /// Instances of this kind are on one node.
    fn start_rank(
        &self,
        plan: &ServicePlan,
        _context: &LaunchContext,
        _rank: &Rank,
    ) -> Result<Start, ServiceError> {
        Err(ServiceError::OneNode {
            kind: plan.kind.clone(),
        })
    }

    /// What is missing of the cluster that an instance needs, by what its [status](crate::OnCluster::status) command has printed.
    fn judge_cluster(&self, _plan: &ServicePlan, _wanted: Wanted, _printed: &str) -> Result<(), String> {
        Ok(())
    }

    /// How to find out that an instance is ready.
    fn readiness(&self, plan: &ServicePlan) -> Result<Readiness, ServiceError>;

    /// What to do about a model that a ready server does not list.
    fn missing_model(&self, _plan: &ServicePlan) -> &'static str {
        "name one that it lists"
    }

    /// The seconds that loading the model took, if this line of its log says so.
    fn load_seconds(&self, _line: &str) -> Option<f64> {
        None
    }

    /// What makes a ready server load its model, if it would else wait for the first request.
    fn warmup(&self, _plan: &ServicePlan) -> Option<Warmup> {
        None
    }

    /// What is asked for first, so that no measured request is the first one.
    fn first_request(&self, _plan: &ServicePlan) -> Option<FirstRequest> {
        None
    }

    /// What is posted to before each trial, so that the server forgets what former ones have left in its cache. Below the
    /// endpoint's host.
    fn reset(&self, _plan: &ServicePlan) -> Option<&'static str> {
        None
    }

    /// Where requests go.
    fn endpoints(
        &self,
        plan: &ServicePlan,
        context: &LaunchContext,
    ) -> Result<Vec<ServiceEndpoint>, ServiceError>;

    /// Where it shows its own metrics, if it does.
    fn metrics(&self, plan: &ServicePlan) -> Option<Metrics>;

    /// What to do about a cause of its failure, in its own options.
    fn advice(&self, trouble: Trouble) -> &'static str {
        trouble.advice()
    }

    /// How it is ended.
    fn stop(&self) -> StopPolicy;
}

/// Where models are fetched from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelSource {
    /// Hugging Face, into the directory of `options.hf_home`.
    HuggingFace,
    /// Ollama's registry, into the directory of `options.models_dir`.
    Ollama,
}

/// A complete cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Its nodes.
    pub nodes: NonZeroU32,
    /// The GPUs of each node that the processes there may use.
    pub gpus: u32,
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
    /// llama.cpp's: `llamacpp:requests_processing` and others.
    LlamaCpp,
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
    /// It was asked for one of several processes of an instance.
    #[error("an instance of the {kind} service is on one node")]
    OneNode {
        /// The kind.
        kind: ServiceKind,
    },
}
