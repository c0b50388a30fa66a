//! vLLM: its OpenAI server on one node, or on several by its own means.

pub(crate) mod command;
mod loading;
pub(crate) mod options;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Endpoint, Nodes, Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{KindDescription, Placement, ServiceProblem, Staging};
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::command::Backend;
use self::options::Options;
use crate::diagnose::Trouble;
use crate::endpoint::{BaseUrl, ServiceEndpoint, Trust};
use crate::kinds::openai::MODELS_PATH;
use crate::launch::{LaunchContext, Needs, Start, StopPolicy};
use crate::models::ModelList;
use crate::options as common;
use crate::rank::Rank;
use crate::readiness::{Probe, Readiness};
use crate::service::{Metrics, MetricsDialect, ModelSource, Service, ServiceError};
use crate::stored::StoredModel;
use crate::warmup::FirstRequest;

/// How long it may take to end by itself: its engine ends after its server.
const GRACE: Duration = Duration::from_secs(15);

/// Where it empties its prefix cache, if it opens that end point.
const RESET_PATH: &str = "/reset_prefix_cache";

/// The variable that it reads its API key from.
pub(crate) const KEY_VARIABLE: &str = "VLLM_API_KEY";

/// vLLM.
pub(crate) struct Vllm;

impl Service for Vllm {
    fn kind(&self) -> ServiceKind {
        ServiceKind::named("vllm")
    }

    fn describe(&self) -> KindDescription {
        KindDescription {
            summary: "vLLM, on one node or on several by its own means.",
            endpoints: &[Endpoint::Chat, Endpoint::Completions],
            launches: true,
            default_model: None,
            staging: Staging::Copied,
        }
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Options>()
    }

    fn complete_options(
        &self,
        options: &Map<String, Value>,
    ) -> Result<Map<String, Value>, serde_json::Error> {
        common::complete::<Options>(options)
    }

    fn check(&self, service: &ServiceSection, workload: &Workload) -> Vec<ServiceProblem> {
        Options::deserialize(&service.options)
            .map(|options| options.problems(service, workload))
            .unwrap_or_default()
    }

    fn check_nodes(&self, service: &ServiceSection, nodes: &Nodes) -> Vec<ServiceProblem> {
        Options::deserialize(&service.options)
            .map(|options| options.problems_with(nodes))
            .unwrap_or_default()
    }

    fn placement(&self, options: &Map<String, Value>) -> Placement {
        Options::deserialize(options)
            .map(|options| options.placement())
            .unwrap_or_default()
    }

    fn model_source(&self) -> Option<ModelSource> {
        Some(ModelSource::HuggingFace)
    }

    fn stored_model(&self, plan: &ServicePlan) -> Option<StoredModel> {
        StoredModel::by_path_or_home(plan)
    }

    fn needs(&self, plan: &ServicePlan) -> Needs {
        Needs {
            head_ports: common::read(plan).as_ref().map_or(0, command::head_ports),
            ..Needs::default()
        }
    }

    fn start(&self, plan: &ServicePlan, context: &LaunchContext) -> Result<Start, ServiceError> {
        let options: Options = common::read(plan)?;
        Ok(Start::Launch(command::command(
            &options,
            plan,
            context,
            Backend::Alone,
        )))
    }

    fn start_rank(
        &self,
        plan: &ServicePlan,
        context: &LaunchContext,
        rank: &Rank,
    ) -> Result<Start, ServiceError> {
        let options: Options = common::read(plan)?;
        let command = command::command(&options, plan, context, Backend::Ranks(rank));
        Ok(Start::Launch(command))
    }

    fn readiness(&self, _: &ServicePlan) -> Result<Readiness, ServiceError> {
        let models = ModelList {
            path: MODELS_PATH.to_owned(),
            is_complete: true,
        };
        Ok(Readiness {
            probe: Probe::new("/health"),
            models: Some(models),
        })
    }

    fn load_seconds(&self, line: &str) -> Option<f64> {
        loading::seconds(line)
    }

    fn first_request(&self, plan: &ServicePlan) -> Option<FirstRequest> {
        Some(FirstRequest::openai(&plan.model))
    }

    fn reset(&self, plan: &ServicePlan) -> Option<&'static str> {
        let options: Option<Options> = common::read(plan).ok();
        options
            .is_some_and(|options| options.dev_mode)
            .then_some(RESET_PATH)
    }

    fn endpoints(
        &self,
        plan: &ServicePlan,
        context: &LaunchContext,
    ) -> Result<Vec<ServiceEndpoint>, ServiceError> {
        Ok(vec![ServiceEndpoint {
            url: BaseUrl::at(context.host, context.port),
            api_key: Some(common::server_key(plan, KEY_VARIABLE)),
            trust: Trust::default(),
        }])
    }

    fn metrics(&self, _: &ServicePlan) -> Option<Metrics> {
        Some(Metrics {
            path: "/metrics",
            dialect: MetricsDialect::Vllm,
        })
    }

    fn advice(&self, trouble: Trouble) -> &'static str {
        match trouble {
            Trouble::ModelMissing => {
                "look at model, options.model_path and options.hf_home, or fetch it with `hpcbench models pull RECIPE`"
            }
            Trouble::ContextTooLong => "lower options.max_model_len, or give the server more GPU memory",
            Trouble::BadParallelism => {
                "choose an options.tensor_parallel_size that divides the model's attention heads"
            }
            Trouble::GpuMemory => {
                "lower options.max_model_len or max_num_seqs, use more GPUs, and look whether others use these"
            }
            other => other.advice(),
        }
    }

    fn stop(&self) -> StopPolicy {
        StopPolicy { grace: GRACE }
    }
}
