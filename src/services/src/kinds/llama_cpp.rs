//! llama.cpp's `llama-server`.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Endpoint, Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{KindDescription, ServiceProblem, Staging};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::demand::longest_request;
use crate::diagnose::Trouble;
use crate::endpoint::{BaseUrl, ServiceEndpoint, Trust};
use crate::kinds::openai::MODELS_PATH;
use crate::launch::{LaunchCommand, LaunchContext, Start, StopPolicy};
use crate::models::ModelList;
use crate::options::{self, ABSOLUTE, PROGRAM, Reserved};
use crate::readiness::{Probe, Readiness};
use crate::service::{Metrics, MetricsDialect, Service, ServiceError};
use crate::stored::StoredModel;
use crate::warmup::FirstRequest;

/// How long it may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// The variable that it reads its API key from.
const KEY_VARIABLE: &str = "LLAMA_API_KEY";

/// Most tokens of all slots together: the server takes them as one number of 32 bits with a sign.
const MAX_CONTEXT: u64 = i32::MAX as u64;

/// Flags that hpcbench sets, in each of their spellings.
const RESERVED: &[Reserved] = &[
    ("--host", "hpcbench chooses the address"),
    ("--port", "hpcbench chooses a free port"),
    ("--reuse-port", "each instance has a port of its own"),
    ("--model", "use `options.model_path`"),
    ("-m", "use `options.model_path`"),
    ("--alias", "use `model`"),
    ("-a", "use `model`"),
    ("--metrics", "it is always on"),
    ("--parallel", "use `options.slots`"),
    ("-np", "use `options.slots`"),
    ("--ctx-size", "use `options.context`, the tokens of each slot"),
    ("-c", "use `options.context`, the tokens of each slot"),
    ("--gpu-layers", "use `options.gpu_layers`"),
    ("--n-gpu-layers", "use `options.gpu_layers`"),
    ("-ngl", "use `options.gpu_layers`"),
    ("--threads", "use `options.threads`"),
    ("-t", "use `options.threads`"),
    ("--threads-http", "use `options.http_threads`"),
    (
        "--api-key",
        "everybody on the node can read arguments: use secrets: {LLAMA_API_KEY: {file: …}}",
    ),
    (
        "--hf-token",
        "everybody on the node can read arguments: use secrets: {HF_TOKEN: {file: …}}",
    ),
];

/// Options of `service.kind: llama-cpp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "LlamaCppOptions")]
struct Options {
    /// The server: an absolute path, in the image if there is one, or a name to look up in PATH. llama.cpp's own images have it
    /// as `/app/llama-server`.
    #[schemars(regex(pattern = PROGRAM), length(max = 4096))]
    program: String,
    /// The model's GGUF file, an absolute path; none: `service.model` is its path.
    #[schemars(regex(pattern = ABSOLUTE), length(max = 4096))]
    model_path: Option<String>,
    /// Requests that are served at once; further ones wait.
    #[schemars(range(max = 4096))]
    slots: NonZeroU32,
    /// Tokens of each slot: the longest prompt with its answer.
    #[schemars(range(max = 10_000_000))]
    context: NonZeroU32,
    /// Layers that are kept in the memory of GPUs, 0: none; none given: as many as fit.
    #[schemars(range(max = 100_000))]
    gpu_layers: Option<u32>,
    /// Threads that compute; none: one for each core.
    #[schemars(range(max = 4096))]
    threads: Option<NonZeroU32>,
    /// Threads that hold connections, at least one for each request in flight that is to be accepted at once; none: the
    /// server's own choice.
    #[schemars(range(max = 100_000))]
    http_threads: Option<NonZeroU32>,
    /// More arguments, each a text of its own.
    #[schemars(length(max = 200))]
    extra_args: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            program: "llama-server".to_owned(),
            model_path: None,
            slots: NonZeroU32::MIN.saturating_add(3),
            context: NonZeroU32::MIN.saturating_add(4095),
            gpu_layers: None,
            threads: None,
            http_threads: None,
            extra_args: Vec::new(),
        }
    }
}

/// llama.cpp's server.
pub(crate) struct LlamaCpp;

impl Service for LlamaCpp {
    fn kind(&self) -> ServiceKind {
        ServiceKind::named("llama-cpp")
    }

    fn describe(&self) -> KindDescription {
        KindDescription {
            summary: "llama.cpp's server.",
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
        options::complete::<Options>(options)
    }

    fn check(&self, service: &ServiceSection, workload: &Workload) -> Vec<ServiceProblem> {
        let Ok(options) = Options::deserialize(&service.options) else {
            return Vec::new();
        };
        let mut problems = options::extra_arguments(&options.extra_args, RESERVED);
        problems.extend(options::in_plain(service, &[KEY_VARIABLE, "HF_TOKEN"]));
        problems.extend(options::model_name(service.model.as_deref()));
        problems.extend(options.check_model(service.model.as_deref()));
        problems.extend(options.check_context(longest_request(workload)));
        problems
    }

    fn stored_model(&self, plan: &ServicePlan) -> Option<StoredModel> {
        StoredModel::by_path_or_home(plan)
    }

    fn preflight(&self, plan: &ServicePlan, scratch: &Path) -> Result<Option<LaunchCommand>, ServiceError> {
        let options: Options = options::read(plan)?;
        Ok(options::version_in_image(&options.program, plan, scratch))
    }

    fn start(&self, plan: &ServicePlan, context: &LaunchContext) -> Result<Start, ServiceError> {
        let options: Options = options::read(plan)?;
        let model_path = options.model_path.as_deref().unwrap_or(&plan.model);
        let arguments = options.arguments(plan, model_path, context);
        let mut command = LaunchCommand::new(options.program.clone().into(), arguments, plan);
        command.set_default("HOME", context.scratch.clone());
        options::give_key(&mut command, plan, KEY_VARIABLE);
        if let Some(directory) = Path::new(model_path).parent() {
            command.reads(directory);
        }
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

    fn first_request(&self, plan: &ServicePlan) -> Option<FirstRequest> {
        Some(FirstRequest::openai(&plan.model))
    }

    fn endpoints(
        &self,
        plan: &ServicePlan,
        context: &LaunchContext,
    ) -> Result<Vec<ServiceEndpoint>, ServiceError> {
        Ok(vec![ServiceEndpoint {
            url: BaseUrl::at(context.host, context.port),
            api_key: Some(options::server_key(plan, KEY_VARIABLE)),
            trust: Trust::default(),
        }])
    }

    fn metrics(&self, _: &ServicePlan) -> Option<Metrics> {
        Some(Metrics {
            path: "/metrics",
            dialect: MetricsDialect::LlamaCpp,
        })
    }

    fn advice(&self, trouble: Trouble) -> &'static str {
        match trouble {
            Trouble::ModelMissing => "look at options.model_path, and whether the node sees that directory",
            Trouble::GpuMemory => "lower options.gpu_layers, options.slots or options.context",
            Trouble::NodeMemory => {
                "lower options.slots or options.context, or ask for more memory (nodes.servers.memory)"
            }
            other => other.advice(),
        }
    }

    fn stop(&self) -> StopPolicy {
        StopPolicy { grace: GRACE }
    }
}

impl Options {
    fn check_model(&self, model: Option<&str>) -> Option<ServiceProblem> {
        let is_there = self.model_path.is_some() || model.is_none_or(|model| model.starts_with('/'));
        (!is_there).then(|| {
            options::problem(
                "model_path",
                "llama-server needs the model's file",
                "add its absolute path: options: {model_path: /data/model.gguf}",
            )
        })
    }

    fn check_context(&self, longest: u64) -> Option<ServiceProblem> {
        let (slots, context) = (u64::from(self.slots.get()), u64::from(self.context.get()));
        if longest > context {
            let message =
                format!("a prompt and its answer take up to {longest} tokens, a slot has room for {context}");
            let help = format!("set `context` to {longest} or more: a chat template adds some");
            return Some(options::problem("context", message, help));
        }
        (slots * context > MAX_CONTEXT).then(|| {
            let message = format!("{slots} slots of {context} tokens are more than the server can count");
            options::problem("context", message, "give it fewer slots or smaller ones")
        })
    }

    fn arguments(&self, plan: &ServicePlan, model_path: &str, context: &LaunchContext) -> Vec<OsString> {
        let tokens = u64::from(self.slots.get()) * u64::from(self.context.get());
        let mut words = vec![
            "--model".to_owned(),
            model_path.to_owned(),
            "--alias".to_owned(),
            plan.model.clone(),
            "--host".to_owned(),
            context.host.to_string(),
            "--port".to_owned(),
            context.port.to_string(),
            "--metrics".to_owned(),
            "--parallel".to_owned(),
            self.slots.to_string(),
            "--ctx-size".to_owned(),
            tokens.to_string(),
        ];
        let given = [
            ("--n-gpu-layers", self.gpu_layers),
            ("--threads", self.threads.map(NonZeroU32::get)),
            ("--threads-http", self.http_threads.map(NonZeroU32::get)),
        ];
        for (flag, value) in given {
            words.extend(
                value
                    .into_iter()
                    .flat_map(|value| [flag.to_owned(), value.to_string()]),
            );
        }
        words.extend(self.extra_args.iter().cloned());
        words.into_iter().map(OsString::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    #[test]
    fn slots_share_the_context() {
        let options = json!({"model_path": "/data/m.gguf", "slots": 8, "context": 2048, "gpu_layers": 0, "threads": 2, "extra_args": ["--no-warmup"]});
        let plan = testing::plan(&LlamaCpp, "tiny", &options);
        let command = testing::command(&LlamaCpp, &plan);
        assert_eq!(
            testing::words(&command).join(" "),
            "--model /data/m.gguf --alias tiny --host 127.0.0.1 --port 4000 --metrics --parallel 8 --ctx-size 16384 \
             --n-gpu-layers 0 --threads 2 --no-warmup"
        );
        assert_eq!(command.environment["HOME"], "/scratch/i");
        assert_eq!(command.paths[0].path, Path::new("/data"));
    }

    #[test]
    fn a_program_in_an_image_says_its_version_first_and_learns_no_secret() {
        let mut plan = testing::plan(&LlamaCpp, "/data/m.gguf", &json!({}));
        let look = |plan: &ServicePlan| LlamaCpp.preflight(plan, Path::new("/scratch/i")).unwrap();
        assert_eq!(look(&plan), None);
        plan.image = Some(serde_json::from_value(json!({"path": "/llama.sif"})).unwrap());
        plan.secrets = serde_json::from_value(json!({"HF_TOKEN": {"file": "/token"}})).unwrap();
        let command = look(&plan).unwrap();
        assert_eq!(command.program, Path::new("llama-server"));
        assert_eq!(testing::words(&command), ["--version"]);
        assert_eq!(command.environment["HOME"], "/scratch/i");
        assert!(command.secrets.is_empty());
    }

    #[test]
    fn a_models_path_can_be_its_name() {
        let plan = testing::plan(&LlamaCpp, "/data/m.gguf", &json!({}));
        let words = testing::command(&LlamaCpp, &plan);
        assert!(testing::words(&words).starts_with(&["--model", "/data/m.gguf", "--alias", "/data/m.gguf"]));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let file = |extra: Value| {
            let mut options = json!({"model_path": "/m.gguf"});
            options
                .as_object_mut()
                .unwrap()
                .extend(extra.as_object().unwrap().clone());
            options
        };
        for (options, place) in [
            (json!({}), "options/model_path"),
            (file(json!({"context": 100})), "options/context"),
            (
                file(json!({"slots": 4000, "context": 1_000_000})),
                "options/context",
            ),
            (file(json!({"extra_args": ["-np", "4"]})), "options/extra_args/0"),
            (
                file(json!({"extra_args": ["--jinja", "--api-key=x"]})),
                "options/extra_args/1",
            ),
        ] {
            let problems = testing::problems(&LlamaCpp, "tiny", &options, &testing::workload(90, 11));
            assert_eq!(testing::places(&problems), [place], "{options}: {problems:?}");
        }
        let fits = testing::problems(
            &LlamaCpp,
            "tiny",
            &file(json!({"context": 101})),
            &testing::workload(90, 11),
        );
        assert_eq!(fits, []);
    }
}
