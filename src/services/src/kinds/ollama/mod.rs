//! Ollama: every instance a server of its own, with models from a directory that all may share.

mod options;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Endpoint, Nodes, Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{KindDescription, ServiceProblem, Staging};
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::options::Options;
use crate::diagnose::Trouble;
use crate::endpoint::{BaseUrl, ServiceEndpoint, Trust};
use crate::launch::{LaunchCommand, LaunchContext, Start, StopPolicy};
use crate::models::ModelList;
use crate::options as common;
use crate::readiness::{Probe, Readiness};
use crate::service::{Metrics, ModelSource, Service, ServiceError};
use crate::stored::StoredModel;
use crate::warmup::{FirstRequest, Warmup};

/// How long it may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// How long it may take to load a model before it gives up: longer than anybody waits. `health.timeout` ends the wait, of which no
/// process knows, so that another one starts nothing anew.
const LOAD_TIMEOUT: &str = "24h";

/// Ollama.
pub(crate) struct Ollama;

impl Service for Ollama {
    fn kind(&self) -> ServiceKind {
        ServiceKind::named("ollama")
    }

    fn describe(&self) -> KindDescription {
        KindDescription {
            summary: "Ollama.",
            endpoints: &[
                Endpoint::Generate,
                Endpoint::OllamaChat,
                Endpoint::Chat,
                Endpoint::Completions,
            ],
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

    fn model_source(&self) -> Option<ModelSource> {
        Some(ModelSource::Ollama)
    }

    fn stored_model(&self, plan: &ServicePlan) -> Option<StoredModel> {
        StoredModel::of_ollama(plan)
    }

    fn preflight(&self, plan: &ServicePlan, scratch: &Path) -> Result<Option<LaunchCommand>, ServiceError> {
        let options: Options = common::read(plan)?;
        Ok(common::version_in_image(&options.program, plan, scratch))
    }

    fn start(&self, plan: &ServicePlan, context: &LaunchContext) -> Result<Start, ServiceError> {
        let options: Options = common::read(plan)?;
        let mut command = LaunchCommand::new(options.program.clone().into(), vec!["serve".into()], plan);
        command.set("OLLAMA_HOST", authority(context));
        // Loaded once, by the warm-up, and not again in the middle of a trial.
        command.set("OLLAMA_KEEP_ALIVE", "-1");
        // Servers that share a directory would delete what another one is just fetching.
        command.set("OLLAMA_NOPRUNE", "1");
        command.set("OLLAMA_LOAD_TIMEOUT", LOAD_TIMEOUT);
        for (name, value) in options.variables() {
            command.set(name, value);
        }
        // It writes a key of its own below HOME.
        command.set_default("HOME", context.scratch.clone());
        if let Some(directory) = options.models_dir {
            command.reads(directory);
        }
        Ok(Start::Launch(command))
    }

    fn readiness(&self, _: &ServicePlan) -> Result<Readiness, ServiceError> {
        let models = ModelList {
            path: "/api/tags".to_owned(),
            is_complete: true,
        };
        Ok(Readiness {
            probe: Probe::new("/api/version"),
            models: Some(models),
        })
    }

    fn missing_model(&self, _: &ServicePlan) -> &'static str {
        "fetch it into `options.models_dir` with `hpcbench models pull RECIPE`"
    }

    /// An empty prompt loads a model and answers when it is loaded.
    fn warmup(&self, plan: &ServicePlan) -> Option<Warmup> {
        Some(Warmup {
            path: "/api/generate",
            body: json!({ "model": plan.model, "stream": false }),
            loaded_path: "/api/ps",
            model: plan.model.clone(),
        })
    }

    fn first_request(&self, plan: &ServicePlan) -> Option<FirstRequest> {
        Some(FirstRequest::ollama(&plan.model))
    }

    fn endpoints(
        &self,
        _: &ServicePlan,
        context: &LaunchContext,
    ) -> Result<Vec<ServiceEndpoint>, ServiceError> {
        Ok(vec![ServiceEndpoint {
            url: BaseUrl::at(context.host, context.port),
            api_key: None,
            trust: Trust::default(),
        }])
    }

    fn metrics(&self, _: &ServicePlan) -> Option<Metrics> {
        None
    }

    fn advice(&self, trouble: Trouble) -> &'static str {
        match trouble {
            Trouble::ModelMissing => "fetch it into options.models_dir with `hpcbench models pull RECIPE`",
            Trouble::GpuMemory => {
                "lower options.num_parallel or options.context_length, or use a smaller model"
            }
            Trouble::NodeMemory => {
                "lower options.num_parallel or options.context_length, or ask for more memory (nodes.servers.memory)"
            }
            other => other.advice(),
        }
    }

    fn stop(&self) -> StopPolicy {
        StopPolicy { grace: GRACE }
    }
}

/// One address and port, an IPv6 address in brackets.
fn authority(context: &LaunchContext) -> String {
    std::net::SocketAddr::new(context.host, context.port).to_string()
}
