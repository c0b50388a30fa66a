//! Plans of small recipes.

use std::path::Path;

use hpcbench_recipes::recipe::{Endpoint, Service, ServiceKind, Workload};
use hpcbench_recipes::{
    Files, Input, InvalidOptions, KindDescription, PathBase, Plan, RecipeChecker, ServiceCatalog,
    ServiceProblem,
};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

/// The one kind.
const SIMULATOR: ServiceKind = ServiceKind::named("simulator");

struct Catalog;

impl ServiceCatalog for Catalog {
    fn kinds(&self) -> Vec<ServiceKind> {
        vec![SIMULATOR]
    }

    fn describe(&self, kind: &ServiceKind) -> Option<KindDescription> {
        (*kind == SIMULATOR).then_some(KindDescription {
            endpoints: &[Endpoint::Chat],
            launches: true,
            default_model: Some("simulated"),
            ..KindDescription::default()
        })
    }

    fn options_schema(&self, _: &ServiceKind, _: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn complete_options(
        &self,
        _: &ServiceKind,
        options: &Map<String, Value>,
    ) -> Result<Map<String, Value>, InvalidOptions> {
        Ok(options.clone())
    }

    fn check(&self, _: &Service, _: &Workload) -> Vec<ServiceProblem> {
        Vec::new()
    }
}

struct NoFiles;

impl Files for NoFiles {
    fn is_file(&self, _: &Path) -> bool {
        false
    }

    fn exists(&self, _: &Path) -> bool {
        false
    }

    fn read(&self, _: &Path, _: u64) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

/// The plan of a recipe with this sweep, in YAML's flow style.
pub(crate) fn plan(sweep: &str) -> Plan {
    let recipe = format!(
        "schema: hpcbench/v1
name: quickstart
service: {{kind: simulator}}
workload:
  load: {{shape: closed, concurrency: 20}}
  duration: 7s
  timeout: 10s
  prompts: {{source: synthetic, input_tokens: 64, output_tokens: 8}}
  slo: {{ttft_p99: 500ms}}
sweep: {sweep}
"
    );
    let checked = RecipeChecker::new(&Catalog).check(&Input {
        source: recipe.as_bytes(),
        overrides: &[],
        paths: &PathBase {
            directory: "/recipes".into(),
            home: None,
        },
        files: &NoFiles,
    });
    checked
        .plan
        .unwrap_or_else(|| panic!("{:#?}", checked.diagnostics))
}
