//! A service that the recipe describes itself.

mod options;
mod placeholders;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Endpoint, Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{KindDescription, ServiceProblem};
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::options::Options;
use self::placeholders::{KEY, fill};
use crate::diagnose::Trouble;
use crate::endpoint::{ApiKey, BaseUrl, ServiceEndpoint, Trust};
use crate::launch::{LaunchCommand, LaunchContext, Needs, Start, StopPolicy, Token};
use crate::models::ModelList;
use crate::options as common;
use crate::readiness::{Probe, Readiness};
use crate::service::{Metrics, Service, ServiceError};
use crate::warmup::FirstRequest;

/// How long it may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// A service that the recipe describes itself.
pub(crate) struct Custom;

impl Service for Custom {
    fn kind(&self) -> ServiceKind {
        ServiceKind::named("custom")
    }

    fn describe(&self) -> KindDescription {
        KindDescription {
            summary: "A service that the recipe describes itself.",
            endpoints: &[
                Endpoint::Chat,
                Endpoint::Completions,
                Endpoint::Generate,
                Endpoint::OllamaChat,
            ],
            launches: true,
            default_model: None,
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
        common::complete::<Options>(options)
    }

    fn check(&self, service: &ServiceSection, workload: &Workload) -> Vec<ServiceProblem> {
        Options::deserialize(&service.options)
            .map(|options| options.problems(service, workload))
            .unwrap_or_default()
    }

    fn needs(&self, plan: &ServicePlan) -> Needs {
        let options: Options = common::read(plan).unwrap_or_default();
        Needs {
            ports: placeholders::ports(options.command.iter().chain(options.environment.values())),
            ..Needs::default()
        }
    }

    fn start(&self, plan: &ServicePlan, context: &LaunchContext) -> Result<Start, ServiceError> {
        let options: Options = common::read(plan)?;
        let mut words = options.command.iter().map(|text| fill(text, plan, context));
        let program = words.next().unwrap_or_default();
        let arguments = words.map(Into::into).collect();
        let mut command = LaunchCommand::new(program.into(), arguments, plan);
        for (name, text) in &options.environment {
            if text == KEY {
                command.tokens.insert(name.clone(), Token::ApiKey);
            } else {
                command.set(name, fill(text, plan, context));
            }
        }
        Ok(Start::Launch(command))
    }

    fn readiness(&self, plan: &ServicePlan) -> Result<Readiness, ServiceError> {
        let options: Options = common::read(plan)?;
        let models = options.models_path.map(|path| ModelList {
            path,
            is_complete: true,
        });
        Ok(Readiness {
            probe: Probe::new(options.health_path),
            models,
        })
    }

    fn first_request(&self, plan: &ServicePlan) -> Option<FirstRequest> {
        let options: Options = common::read(plan).ok()?;
        let endpoint = options.answers.first()?;
        Some(FirstRequest::as_said(*endpoint, &plan.model))
    }

    fn endpoints(
        &self,
        plan: &ServicePlan,
        context: &LaunchContext,
    ) -> Result<Vec<ServiceEndpoint>, ServiceError> {
        let options: Options = common::read(plan)?;
        let of_the_run = options.has_key().then_some(ApiKey::OfTheRun);
        let api_key = options.api_key.map(ApiKey::Secret).or(of_the_run);
        let base = BaseUrl::at(context.host, context.port);
        let url = match options.base_path {
            Some(path) => format!("{base}{path}")
                .parse()
                .map_err(|source| ServiceError::Endpoint {
                    kind: plan.kind.clone(),
                    source,
                })?,
            None => base,
        };
        Ok(vec![ServiceEndpoint {
            url,
            api_key,
            trust: Trust::default(),
        }])
    }

    fn metrics(&self, plan: &ServicePlan) -> Option<Metrics> {
        let options: Options = common::read(plan).ok()?;
        let names = options.metrics?;
        Some(Metrics {
            path: "/metrics",
            dialect: names.dialect(),
        })
    }

    fn advice(&self, trouble: Trouble) -> &'static str {
        match trouble {
            Trouble::ProgramMissing => "look at options.command and PATH, or name an image that has it",
            Trouble::BadArgument => "look at options.command and at the server's version",
            other => other.advice(),
        }
    }

    fn stop(&self) -> StopPolicy {
        StopPolicy { grace: GRACE }
    }
}
