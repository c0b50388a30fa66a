//! The options by which a recipe describes a service of its own.

use std::collections::BTreeMap;

use hpcbench_recipes::ServiceProblem;
use hpcbench_recipes::recipe::{Endpoint, Service as ServiceSection, Workload};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::placeholders::{self, KEY};
use crate::options;
use crate::service::MetricsDialect;

/// What to do about a name that is not known.
const KNOWN: &str = "known are {host}, {port}, {port1} to {port3}, {model}, {scratch} and {instance}, and {key} as the whole value of a \
                     variable in options.environment";

/// Options of `service.kind: custom`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "CustomOptions")]
pub(super) struct Options {
    /// The program and its arguments, each a text of its own; no shell reads them. `{host}`, `{port}`, `{port1}` to `{port3}` (free
    /// ports for the server's own use), `{model}`, `{scratch}` (a directory of the instance's own) and `{instance}` (its number on
    /// the node, from 0) stand for what is known at the start.
    #[schemars(length(max = 500))]
    pub(super) command: Vec<String>,
    /// Variables whose values may have the same words in braces. `{key}` as a whole value is a key that is made up for the run, and
    /// that clients send.
    pub(super) environment: BTreeMap<String, String>,
    /// The endpoints that it answers.
    #[schemars(length(min = 1, max = 4))]
    pub(super) answers: Vec<Endpoint>,
    /// Path before all others.
    #[schemars(regex(pattern = "^/[!-~]*$"), length(max = 512))]
    pub(super) base_path: Option<String>,
    /// Path below `base_path` that answers with a 2xx status when the server is ready.
    #[schemars(regex(pattern = "^/[!-~]*$"), length(max = 512))]
    pub(super) health_path: String,
    /// Path below `base_path` of the list of models, in OpenAI's form or in Ollama's; none: there is no such list.
    #[schemars(regex(pattern = "^/[!-~]*$"), length(max = 512))]
    pub(super) models_path: Option<String>,
    /// Whose names the metrics at `/metrics` have; none: there are no metrics.
    pub(super) metrics: Option<MetricNames>,
    /// Name of the secret, among the service's `secrets`, that clients send as the API key; none: no key is sent.
    pub(super) api_key: Option<String>,
}

/// Whose names the metrics have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MetricNames {
    /// vLLM's.
    Vllm,
    /// llama.cpp's.
    LlamaCpp,
}

impl MetricNames {
    pub(super) const fn dialect(self) -> MetricsDialect {
        match self {
            Self::Vllm => MetricsDialect::Vllm,
            Self::LlamaCpp => MetricsDialect::LlamaCpp,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            environment: BTreeMap::new(),
            answers: vec![Endpoint::Chat, Endpoint::Completions],
            base_path: None,
            health_path: "/health".to_owned(),
            models_path: None,
            metrics: None,
            api_key: None,
        }
    }
}

impl Options {
    /// Whether the server reads the run's key from one of its variables.
    pub(super) fn has_key(&self) -> bool {
        self.environment.values().any(|text| text == KEY)
    }

    /// What the schema cannot say.
    pub(super) fn problems(&self, service: &ServiceSection, workload: &Workload) -> Vec<ServiceProblem> {
        let mut problems = Vec::new();
        problems.extend(self.check_command());
        problems.extend(self.check_gaps());
        if !self.answers.is_empty() && !self.answers.contains(&workload.endpoint) {
            let message = format!(
                "the workload's endpoint, `{}`, is not among these",
                workload.endpoint
            );
            problems.push(options::problem(
                "answers",
                message,
                "add it if the server answers it",
            ));
        }
        if let Some(key) = &self.api_key
            && !options::has_secret(&service.secrets, key)
        {
            problems.push(options::problem(
                "api_key",
                "this is not the name of one of the service's `secrets`",
                "add it, for example secrets: {API_KEY: {file: ~/.api_key}}, and name it: api_key: API_KEY",
            ));
        }
        problems
    }

    fn check_command(&self) -> Option<ServiceProblem> {
        let Some(program) = self.command.first() else {
            return Some(options::problem(
                "command",
                "there is nothing to start",
                "add the program and its arguments: command: [my-server, --port, \"{port}\"]",
            ));
        };
        let is_found = !program.is_empty() && (program.starts_with('/') || !program.contains('/'));
        if !is_found {
            let help = "write an absolute path, or a name to look up in PATH";
            return Some(options::problem(
                "command",
                format!("{program:?} depends on a directory"),
                help,
            ));
        }
        let texts = self.command.iter().chain(self.environment.values());
        let has_port = texts.into_iter().any(|text| text.contains("{port}"));
        (!has_port).then(|| {
            options::advice(
                "command",
                "nothing tells the server which port to listen on",
                "put {port} where it reads it: in an argument or in options.environment",
            )
        })
    }

    fn check_gaps(&self) -> Vec<ServiceProblem> {
        let arguments = self
            .command
            .iter()
            .enumerate()
            .map(|(index, text)| ("command", index.to_string(), text));
        let variables = self
            .environment
            .iter()
            .filter(|(_, text)| *text != KEY)
            .map(|(name, text)| ("environment", name.clone(), text));
        arguments
            .chain(variables)
            .filter_map(|(option, key, text)| {
                let name = placeholders::unknown(text)?;
                Some(ServiceProblem {
                    path: vec!["options".to_owned(), option.to_owned(), key],
                    advice_only: false,
                    message: format!("{{{name}}} stands for nothing"),
                    help: Some(KNOWN.to_owned()),
                })
            })
            .collect()
    }
}
