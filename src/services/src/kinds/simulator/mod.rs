//! The simulated service: `hpcbench simulate` as a process of its own.

mod options;

use std::ffi::OsString;
use std::time::Duration;

use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Endpoint, Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{KindDescription, ServiceProblem};
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::endpoint::{BaseUrl, ServiceEndpoint, Trust};
use crate::kinds::openai::MODELS_PATH;
use crate::launch::{LaunchCommand, LaunchContext, Start, StopPolicy};
use crate::models::ModelList;
use crate::readiness::{Probe, Readiness};
use crate::service::{Metrics, MetricsDialect, Service, ServiceError};
use options::Options;

/// How long it may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// The simulated service.
pub(crate) struct Simulator;

impl Service for Simulator {
    fn kind(&self) -> ServiceKind {
        ServiceKind::named("simulator")
    }

    fn describe(&self) -> KindDescription {
        KindDescription {
            summary: "The simulated service.",
            endpoints: &[
                Endpoint::Chat,
                Endpoint::Completions,
                Endpoint::Generate,
                Endpoint::OllamaChat,
            ],
            launches: true,
            default_model: Some("simulated"),
            ..KindDescription::default()
        }
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Options>()
    }

    fn complete_options(
        &self,
        options: &Map<String, Value>,
    ) -> Result<Map<String, Value>, serde_json::Error> {
        let complete = serde_json::to_value(Options::deserialize(options)?)?;
        serde_json::from_value(complete)
    }

    fn check(&self, service: &ServiceSection, _: &Workload) -> Vec<ServiceProblem> {
        Options::deserialize(&service.options)
            .map(|options| options.problems())
            .unwrap_or_default()
    }

    fn start(&self, plan: &ServicePlan, context: &LaunchContext) -> Result<Start, ServiceError> {
        let options = Options::deserialize(&plan.options)
            .and_then(|options| serde_json::to_string(&options))
            .map_err(|source| ServiceError::Options {
                kind: plan.kind.clone(),
                source,
            })?;
        let arguments: Vec<OsString> = vec![
            "simulate".into(),
            "--options".into(),
            options.into(),
            "--host".into(),
            context.host.to_string().into(),
            "--port".into(),
            context.port.to_string().into(),
            "--model".into(),
            plan.model.clone().into(),
            "--run-dir".into(),
            context.run_dir.clone().into(),
        ];
        Ok(Start::Launch(LaunchCommand::new(
            context.hpcbench_exe.clone(),
            arguments,
            plan,
        )))
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
        Some(Metrics {
            path: "/metrics",
            dialect: MetricsDialect::Vllm,
        })
    }

    fn stop(&self) -> StopPolicy {
        StopPolicy { grace: GRACE }
    }
}
