//! Servers that already run and speak OpenAI's API.

use std::time::Duration;

use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Endpoint, Secrets, Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{KindDescription, ServiceProblem};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::endpoint::{ApiKey, BaseUrl, ServiceEndpoint, Trust};
use crate::launch::{LaunchContext, Start, StopPolicy};
use crate::models::ModelList;
use crate::options;
use crate::readiness::{Probe, Readiness};
use crate::service::{Metrics, Service, ServiceError};

/// Where OpenAI's API lists models.
pub(crate) const MODELS_PATH: &str = "/v1/models";

/// Options of `service.kind: openai`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "OpenAiOptions")]
struct Options {
    /// Name of the secret, among the service's `secrets`, that is sent as the API key; none: no key is sent.
    api_key: Option<String>,
    /// Path below the base URL that answers with a 2xx status when the server is ready; none: the list of models.
    #[schemars(regex(pattern = r"^/[!-~]*$"), length(max = 512))]
    health_path: Option<String>,
    /// Whom to trust at https:// endpoints.
    tls: Trust,
}

/// Servers that already run.
pub(crate) struct OpenAi;

impl OpenAi {
    fn options(options: &Map<String, Value>) -> Result<Options, serde_json::Error> {
        Options::deserialize(options)
    }

    fn plan_options(plan: &ServicePlan) -> Result<Options, ServiceError> {
        Self::options(&plan.options).map_err(|source| ServiceError::Options {
            kind: plan.kind.clone(),
            source,
        })
    }
}

impl Service for OpenAi {
    fn kind(&self) -> ServiceKind {
        ServiceKind::named("openai")
    }

    fn describe(&self) -> KindDescription {
        KindDescription {
            summary: "Servers that already run and speak OpenAI's API.",
            endpoints: &[Endpoint::Chat, Endpoint::Completions],
            launches: false,
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
        let complete = serde_json::to_value(Self::options(options)?)?;
        serde_json::from_value(complete)
    }

    fn check(&self, service: &ServiceSection, _: &Workload) -> Vec<ServiceProblem> {
        let bad_urls = service.endpoints.iter().enumerate().filter_map(|(index, text)| {
            let error = text.parse::<BaseUrl>().err()?;
            Some(ServiceProblem {
                path: vec!["endpoints".to_owned(), index.to_string()],
                advice_only: false,
                message: format!("this URL cannot be used: {}", error.reason()),
                help: Some("write for example http://127.0.0.1:8000/v1".to_owned()),
            })
        });
        let mut problems: Vec<ServiceProblem> = bad_urls.collect();
        // Options that cannot be read are found by the schema.
        if let Ok(options) = Self::options(&service.options) {
            problems.extend(check_key(&options, &service.secrets));
            problems.extend(check_trust(&options.tls, &service.endpoints));
        }
        problems
    }

    fn start(&self, _: &ServicePlan, _: &LaunchContext) -> Result<Start, ServiceError> {
        Ok(Start::External)
    }

    fn readiness(&self, plan: &ServicePlan) -> Result<Readiness, ServiceError> {
        let path = Self::plan_options(plan)?.health_path;
        // A server with a health path of its own may have no list of models.
        let models = path.is_none().then(|| ModelList {
            path: MODELS_PATH.to_owned(),
            is_complete: false,
        });
        Ok(Readiness {
            probe: Probe::new(path.unwrap_or_else(|| MODELS_PATH.to_owned())),
            models,
        })
    }

    fn endpoints(&self, plan: &ServicePlan, _: &LaunchContext) -> Result<Vec<ServiceEndpoint>, ServiceError> {
        let Options { api_key, tls, .. } = Self::plan_options(plan)?;
        let endpoint = |text: &String| {
            let url = text.parse().map_err(|source| ServiceError::Endpoint {
                kind: plan.kind.clone(),
                source,
            })?;
            Ok(ServiceEndpoint {
                url,
                api_key: api_key.clone().map(ApiKey::Secret),
                trust: tls.clone(),
            })
        };
        plan.endpoints.iter().map(endpoint).collect()
    }

    fn metrics(&self, _: &ServicePlan) -> Option<Metrics> {
        None
    }

    fn stop(&self) -> StopPolicy {
        StopPolicy {
            grace: Duration::ZERO,
        }
    }
}

/// The key's name is among the secrets, and secrets have a use.
fn check_key(options: &Options, secrets: &Secrets) -> Option<ServiceProblem> {
    let names: Vec<&str> = match secrets {
        Secrets::Files(files) => files.keys().map(String::as_str).collect(),
        Secrets::Variables(names) => names.iter().map(String::as_str).collect(),
    };
    match options.api_key.as_deref() {
        Some(key) if !names.contains(&key) => Some(ServiceProblem {
            path: vec!["options".to_owned(), "api_key".to_owned()],
            advice_only: false,
            message: "this is not the name of one of the service's `secrets`".to_owned(),
            help: Some(
                "add it, for example secrets: {API_KEY: {file: ~/.api_key}}, and name it: api_key: API_KEY"
                    .to_owned(),
            ),
        }),
        None if !names.is_empty() => Some(ServiceProblem {
            path: vec!["secrets".to_owned()],
            advice_only: true,
            message: "these secrets are not used".to_owned(),
            help: Some("name the one to send: options: {api_key: NAME}".to_owned()),
        }),
        _ => None,
    }
}

/// Settings of TLS have a use, and trust is not given away unseen.
fn check_trust(trust: &Trust, endpoints: &[String]) -> Option<ServiceProblem> {
    let mut urls = endpoints.iter().filter_map(|text| text.parse::<BaseUrl>().ok());
    if *trust == Trust::default() {
        None
    } else if !urls.any(|url| url.is_tls()) {
        Some(options::advice(
            "tls",
            "no endpoint is spoken with under TLS",
            "write https:// in `endpoints`, or remove this",
        ))
    } else if !trust.verify {
        Some(options::advice(
            "tls",
            "whoever is on the way to these servers can read prompts and API key",
            "name the authority of their certificates instead: tls: {ca_file: /path/ca.pem}",
        ))
    } else {
        None
    }
}
