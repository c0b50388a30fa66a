//! vLLM distributed over Ray: a cluster of Ray's over all server nodes, and on it one vLLM with one endpoint.

mod command;
mod options;
mod status;
#[cfg(test)]
mod tests;
mod version;

use std::path::Path;

use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Nodes, Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{KindDescription, Placement, ServiceProblem, Staging};
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::options::Options;
use crate::diagnose::Trouble;
use crate::endpoint::ServiceEndpoint;
use crate::kinds::vllm::Vllm;
use crate::launch::{LaunchCommand, LaunchContext, Needs, OnCluster, Start, StopPolicy};
use crate::options as common;
use crate::rank::Rank;
use crate::readiness::Readiness;
use crate::service::{Metrics, ModelSource, Service, ServiceError, Wanted};
use crate::warmup::FirstRequest;

/// Why its model is not copied to its nodes.
const ONE_PATH: &str =
    "Ray's workers load the model from one path, which would have to be the same on all nodes";

/// vLLM over Ray.
pub(crate) struct VllmRay;

impl Service for VllmRay {
    fn kind(&self) -> ServiceKind {
        ServiceKind::named("vllm-ray")
    }

    fn describe(&self) -> KindDescription {
        KindDescription {
            summary: "vLLM distributed over Ray.",
            staging: Staging::StaysBecause(ONE_PATH),
            ..Vllm.describe()
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

    fn placement(&self, _: &Map<String, Value>) -> Placement {
        Placement::AllNodes
    }

    fn model_source(&self) -> Option<ModelSource> {
        Vllm.model_source()
    }

    fn needs(&self, _: &ServicePlan) -> Needs {
        Needs {
            ports: command::PORTS,
            short_path: true,
            ..Needs::default()
        }
    }

    /// Which version of Ray it is decides whether it may be used, in an image or not.
    fn preflight(&self, plan: &ServicePlan, scratch: &Path) -> Result<Option<LaunchCommand>, ServiceError> {
        let options: Options = common::read(plan)?;
        Ok(Some(common::version(&options.ray.program, plan, scratch)))
    }

    fn judge_preflight(&self, plan: &ServicePlan, printed: &str) -> Result<(), String> {
        version::judge(printed, plan.insecure)
    }

    /// On one node.
    fn start(&self, plan: &ServicePlan, context: &LaunchContext) -> Result<Start, ServiceError> {
        self.start_rank(plan, context, &command::only_rank(context))
    }

    fn start_rank(
        &self,
        plan: &ServicePlan,
        context: &LaunchContext,
        rank: &Rank,
    ) -> Result<Start, ServiceError> {
        let options: Options = common::read(plan)?;
        let node = command::node(&options, plan, context, rank);
        if !rank.is_head() {
            return Ok(Start::Launch(node));
        }
        Ok(Start::OnCluster(Box::new(OnCluster {
            node,
            status: command::status(&options, plan, context, rank),
            service: command::service(&options, plan, context, rank),
        })))
    }

    fn judge_cluster(&self, plan: &ServicePlan, wanted: Wanted, printed: &str) -> Result<(), String> {
        let pretended = common::read::<Options>(plan).map_or(None, |options| options.ray.gpus);
        let gpus = pretended.unwrap_or(wanted.gpus);
        status::judge(printed, Wanted { gpus, ..wanted })
    }

    fn readiness(&self, plan: &ServicePlan) -> Result<Readiness, ServiceError> {
        Vllm.readiness(plan)
    }

    fn load_seconds(&self, line: &str) -> Option<f64> {
        Vllm.load_seconds(line)
    }

    fn first_request(&self, plan: &ServicePlan) -> Option<FirstRequest> {
        Vllm.first_request(plan)
    }

    fn reset(&self, plan: &ServicePlan) -> Option<&'static str> {
        Vllm.reset(plan)
    }

    fn endpoints(
        &self,
        plan: &ServicePlan,
        context: &LaunchContext,
    ) -> Result<Vec<ServiceEndpoint>, ServiceError> {
        Vllm.endpoints(plan, context)
    }

    fn metrics(&self, plan: &ServicePlan) -> Option<Metrics> {
        Vllm.metrics(plan)
    }

    fn advice(&self, trouble: Trouble) -> &'static str {
        Vllm.advice(trouble)
    }

    fn stop(&self) -> StopPolicy {
        Vllm.stop()
    }
}
