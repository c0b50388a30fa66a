//! A catalog and files for tests.

use std::io;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::recipe::{Endpoint, Service, ServiceKind, Workload};
use crate::units::Duration;
use crate::{
    Checked, Files, Input, InvalidOptions, KindDescription, PathBase, RecipeChecker, ServiceCatalog,
    ServiceProblem,
};

/// Options of the catalog's simulator.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SimulatorOptions")]
struct Options {
    /// Time to the first token.
    ttft: Duration,
    /// Sequences at once.
    #[schemars(range(min = 1))]
    max_num_seqs: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ttft: Duration::from_millis(20),
            max_num_seqs: 256,
        }
    }
}

const SIMULATOR: ServiceKind = ServiceKind::named("simulator");
const OPENAI: ServiceKind = ServiceKind::named("openai");

/// Knows a simulator and OpenAI servers.
pub(crate) struct TestCatalog;

impl ServiceCatalog for TestCatalog {
    fn kinds(&self) -> Vec<ServiceKind> {
        vec![OPENAI, SIMULATOR]
    }

    fn describe(&self, kind: &ServiceKind) -> Option<KindDescription> {
        match kind.as_str() {
            "simulator" => Some(KindDescription {
                endpoints: &[Endpoint::Chat, Endpoint::Completions, Endpoint::Generate],
                launches: true,
                default_model: Some("simulated"),
                ..KindDescription::default()
            }),
            "openai" => Some(KindDescription {
                endpoints: &[Endpoint::Chat, Endpoint::Completions],
                launches: false,
                default_model: None,
                ..KindDescription::default()
            }),
            _ => None,
        }
    }

    fn options_schema(&self, kind: &ServiceKind, generator: &mut SchemaGenerator) -> Option<Schema> {
        (*kind == SIMULATOR).then(|| generator.subschema_for::<Options>())
    }

    fn complete_options(
        &self,
        kind: &ServiceKind,
        options: &Map<String, Value>,
    ) -> Result<Map<String, Value>, InvalidOptions> {
        if *kind != SIMULATOR {
            return Ok(options.clone());
        }
        let typed: Result<Options, _> = serde_json::from_value(Value::Object(options.clone()));
        let typed = typed.map_err(|source| InvalidOptions {
            kind: kind.clone(),
            source,
        })?;
        Ok(serde_json::to_value(typed).unwrap().as_object().unwrap().clone())
    }

    fn check(&self, service: &Service, _: &Workload) -> Vec<ServiceProblem> {
        let slow = service.options.get("ttft").is_some_and(|ttft| ttft == "1h");
        let problem = ServiceProblem {
            path: vec!["options".to_owned(), "ttft".to_owned()],
            advice_only: true,
            message: "an hour is long".to_owned(),
            help: None,
        };
        if slow { vec![problem] } else { Vec::new() }
    }
}

/// Files whose name contains `there`.
pub(crate) struct TestFiles;

impl Files for TestFiles {
    fn is_file(&self, path: &Path) -> bool {
        path.to_string_lossy().contains("there")
    }

    fn exists(&self, path: &Path) -> bool {
        self.is_file(path)
    }

    /// The file's name is its text, with `|` for a line's end.
    fn read(&self, path: &Path, _: u64) -> io::Result<Vec<u8>> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(name.replace('|', "\n").into_bytes())
    }
}

/// What relative paths are relative to in tests.
pub(crate) fn paths() -> PathBase {
    PathBase {
        directory: "/recipes".into(),
        home: Some("/home/ada".into()),
    }
}

thread_local! {
    /// One for each test: to compile a schema takes longer than all the rest.
    static CHECKER: RecipeChecker<'static> = RecipeChecker::new(&TestCatalog);
}

/// Checks a recipe with overrides.
pub(crate) fn check_with(source: &[u8], overrides: &[&str]) -> Checked {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    CHECKER.with(|checker| {
        checker.check(&Input {
            source,
            overrides: &overrides,
            paths: &paths(),
            files: &TestFiles,
        })
    })
}

/// Checks a recipe.
pub(crate) fn check(source: &str) -> Checked {
    check_with(source.as_bytes(), &[])
}
