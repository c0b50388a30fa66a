//! The kind that the guide adds, as the guide has it: it is compiled with the tests alone.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::time::Duration;

use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Endpoint, Service as ServiceSection, ServiceKind, Workload};
use hpcbench_recipes::{KindDescription, ServiceProblem};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::demand::longest_request;
use crate::endpoint::{BaseUrl, ServiceEndpoint, Trust};
use crate::kinds::openai::MODELS_PATH;
use crate::launch::{LaunchCommand, LaunchContext, Start, StopPolicy};
use crate::models::ModelList;
use crate::options::{self, ABSOLUTE, Reserved};
use crate::readiness::{Probe, Readiness};
use crate::service::{Metrics, Service, ServiceError};
use crate::warmup::FirstRequest;

/// Options of `service.kind: sglang`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SglangOptions")]
struct Options {
    /// The directory with the model's files, an absolute path; none: `service.model`.
    #[schemars(regex(pattern = ABSOLUTE), length(max = 4096))]
    model_path: Option<String>,
    /// GPUs that share each layer.
    #[schemars(range(max = 4096))]
    tp: NonZeroU32,
    /// Tokens of a request: the longest prompt with its answer; none: as the model says.
    context_length: Option<NonZeroU32>,
    /// More arguments, each a text of its own.
    #[schemars(length(max = 200))]
    extra_args: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model_path: None,
            tp: NonZeroU32::MIN,
            context_length: None,
            extra_args: Vec::new(),
        }
    }
}

/// Flags that hpcbench sets, and what to use instead.
const RESERVED: &[Reserved] = &[
    ("--host", "hpcbench chooses the address"),
    ("--port", "hpcbench chooses a free port"),
    ("--tp", "use `options.tp`"),
];

/// The server of the `SGLang` project.
pub(crate) struct Sglang;

impl Service for Sglang {
    fn kind(&self) -> ServiceKind {
        ServiceKind::named("sglang")
    }

    fn describe(&self) -> KindDescription {
        KindDescription {
            summary: "The server of the SGLang project.",
            endpoints: &[Endpoint::Chat, Endpoint::Completions],
            launches: true,
            ..KindDescription::default()
        }
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Options>()
    }

    fn complete_options(&self, given: &Map<String, Value>) -> Result<Map<String, Value>, serde_json::Error> {
        options::complete::<Options>(given)
    }

    fn check(&self, service: &ServiceSection, workload: &Workload) -> Vec<ServiceProblem> {
        let Ok(options) = Options::deserialize(&service.options) else {
            return Vec::new();
        };
        let mut problems = options::extra_arguments(&options.extra_args, RESERVED);
        let longest = longest_request(workload);
        let most = options.context_length.map(|most| u64::from(most.get()));
        if most.is_some_and(|most| longest > most) {
            let message = format!("a prompt and its answer take up to {longest} tokens");
            problems.push(options::problem("context_length", message, "make it longer"));
        }
        problems
    }

    fn start(&self, plan: &ServicePlan, context: &LaunchContext) -> Result<Start, ServiceError> {
        let options: Options = options::read(plan)?;
        let mut words = vec!["-m".to_owned(), "sglang.launch_server".to_owned()];
        let mut flag = |name: &str, value: &dyn ToString| words.extend([name.to_owned(), value.to_string()]);
        flag("--model-path", options.model_path.as_ref().unwrap_or(&plan.model));
        flag("--served-model-name", &plan.model);
        flag("--host", &context.host);
        flag("--port", &context.port);
        flag("--tp", &options.tp);
        if let Some(most) = options.context_length {
            flag("--context-length", &most);
        }
        words.extend(options.extra_args);
        let words = words.into_iter().map(OsString::from).collect();
        let mut command = LaunchCommand::new("python3".into(), words, plan);
        command.set_default("XDG_CACHE_HOME", context.scratch.join("cache"));
        if let Some(directory) = &options.model_path {
            command.reads(directory);
        }
        Ok(Start::Launch(command))
    }

    fn readiness(&self, _: &ServicePlan) -> Result<Readiness, ServiceError> {
        Ok(Readiness {
            probe: Probe::new("/health"),
            models: Some(ModelList {
                path: MODELS_PATH.to_owned(),
                is_complete: true,
            }),
        })
    }

    fn first_request(&self, plan: &ServicePlan) -> Option<FirstRequest> {
        Some(FirstRequest::openai(&plan.model))
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

    fn stop(&self) -> StopPolicy {
        StopPolicy {
            grace: Duration::from_secs(15),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{env, fs};

    use hpcbench_recipes::{Checked, DiskFiles, Input, PathBase, Plan, RecipeChecker, guide_text};
    use serde_json::json;

    use super::*;
    use crate::kinds::simulator::Simulator;
    use crate::kinds::{Registry, unknown_kind};
    use crate::testing;

    /// Set to write the guide's blocks instead of comparing them.
    const UPDATE_VARIABLE: &str = "HPCBENCH_UPDATE";
    const FENCE: &str = "```rust\n";

    /// This file's blocks as the guide has them, in its order.
    fn blocks() -> Vec<String> {
        let source = include_str!("example.rs");
        let until = |text: &str, begin: &str, end: &str| {
            let begun = &text[text.find(begin).unwrap()..];
            begun[..begun.find(end).unwrap()].trim_end().to_owned()
        };
        let (options, flags, tests) = ("/// Options of", "/// Flags that", "#[cfg(test)]");
        vec![until(source, options, flags), until(source, flags, tests)]
    }

    /// The guide with its Rust replaced by what is compiled here.
    fn with_blocks(guide: &str) -> String {
        let mut parts = guide.split(FENCE);
        let mut made = parts.next().unwrap().to_owned();
        let parts: Vec<&str> = parts.collect();
        assert_eq!(
            parts.len(),
            blocks().len(),
            "the guide has other blocks than this file"
        );
        for (part, block) in parts.into_iter().zip(blocks()) {
            let (_, after) = part.split_once("\n```\n").unwrap();
            made += &[FENCE, &block, "\n```\n", after].concat();
        }
        made
    }

    #[test]
    fn the_guide_shows_what_compiles() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/service-kinds.md");
        let guide = fs::read_to_string(&path).unwrap();
        let current = with_blocks(&guide);
        if env::var_os(UPDATE_VARIABLE).is_some() {
            fs::write(&path, &current).unwrap();
        } else {
            assert!(
                guide == current,
                "run `{UPDATE_VARIABLE}=1 cargo test -p hpcbench-services --lib example`"
            );
        }
    }

    /// What recipes know of when the example is in the list.
    const WITH_SGLANG: Registry = Registry(&[&Simulator, &Sglang]);

    fn check(service: &str) -> Checked {
        let source = format!(
            "schema: hpcbench/v1\nname: test\nservice: {service}\nworkload: {{load: {{shape: closed, concurrency: 4}}, requests: 2000, \
             prompts: {{source: synthetic, input_tokens: 64, output_tokens: 16}}}}\n"
        );
        let paths = PathBase {
            directory: "/".into(),
            home: None,
        };
        RecipeChecker::new(&WITH_SGLANG).check(&Input {
            source: source.as_bytes(),
            overrides: &[],
            paths: &paths,
            files: &DiskFiles,
        })
    }

    /// Nothing but this file and a place in the list is needed for a kind.
    #[test]
    fn a_kind_in_the_list_is_one_for_recipes() {
        let checked = check("{kind: sglang, model: org/model, options: {tp: 2}}");
        let plan = checked
            .plan
            .unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
        let written = serde_json::to_vec(&plan).unwrap();
        let plan = Plan::read(&written).unwrap();
        let service = &plan.services[0];
        assert_eq!(
            (service.kind.as_str(), &service.options["tp"]),
            ("sglang", &json!(2))
        );
        let words = testing::command(&Sglang, service);
        assert!(testing::words(&words).contains(&"sglang.launch_server"));
        // This build has it not: whoever goes on with the run learns of it.
        assert_eq!(unknown_kind(&plan), Some(&Sglang.kind()));

        let misspelt = check("{kind: sglan, model: org/model}").diagnostics;
        assert_eq!(misspelt[0].help.as_deref(), Some("did you mean `sglang`?"));
        let misspelt = check("{kind: sglang, model: org/model, options: {tpp: 2}}").diagnostics;
        assert_eq!(misspelt[0].pointer, "/service/options/tpp");
        let guide = guide_text(&WITH_SGLANG);
        assert!(guide.contains("`sglang`: The server of the SGLang project."));
        assert!(guide.contains("`service.options` with `kind: sglang`"));
    }

    #[test]
    fn the_example_starts_a_server() {
        let options =
            json!({"model_path": "/models/m", "tp": 2, "context_length": 100, "extra_args": ["--seed", "1"]});
        let plan = testing::plan(&Sglang, "org/model", &options);
        let command = testing::command(&Sglang, &plan);
        assert_eq!(
            testing::words(&command).join(" "),
            "-m sglang.launch_server --model-path /models/m --served-model-name org/model --host 127.0.0.1 --port 4000 --tp 2 \
             --context-length 100 --seed 1"
        );
        assert_eq!(command.paths.len(), 1);
        let problems = |options| {
            let problems = testing::problems(&Sglang, "org/model", &options, &testing::workload(90, 11));
            testing::places(&problems)
        };
        assert_eq!(problems(options), ["options/context_length"]);
        assert_eq!(
            problems(json!({"extra_args": ["--port=1"]})),
            ["options/extra_args/0"]
        );
    }
}
