//! The recipe's JSON Schema, made from the types, and what it finds in a document.

mod explain;
mod guide;
pub(crate) mod suggest;
mod unions;

use std::cell::LazyCell;
use std::collections::HashMap;
use std::sync::OnceLock;

pub(crate) use explain::quoted;
pub use guide::guide_text;
use jsonschema::{PatternOptions, Validator};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::catalog::ServiceCatalog;
use crate::code::Code;
use crate::problem::Problem;
use crate::recipe::{Recipe, ServiceKind};
use crate::tree::Pointer;
use crate::units::{Duration, Size};

/// The recipe's JSON Schema (draft 2020-12), with the options of each kind of service that the catalog knows.
pub fn json_schema(catalog: &dyn ServiceCatalog) -> Value {
    schema_with(catalog, &catalog.kinds())
}

/// The schema with the names of all kinds and the options of these.
fn schema_with(catalog: &dyn ServiceCatalog, kinds: &[ServiceKind]) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let branches: Vec<Value> = kinds
        .iter()
        .filter_map(|kind| {
            let options = catalog.options_schema(kind, &mut generator)?;
            Some(json!({
                "if": { "properties": { "kind": { "const": kind.as_str() } }, "required": ["kind"] },
                "then": { "properties": { "options": options.to_value() } },
            }))
        })
        .collect();
    let mut schema = generator.into_root_schema_for::<Recipe>().to_value();
    if let Some(service) = schema
        .pointer_mut("/$defs/Service")
        .and_then(Value::as_object_mut)
        && !branches.is_empty()
    {
        service.insert("allOf".to_owned(), Value::Array(branches));
    }
    name_kinds(&mut schema, catalog);
    bound_integers(&mut schema);
    schema
}

/// Gives the definition of a kind, which takes any name, the names that there are.
fn name_kinds(schema: &mut Value, catalog: &dyn ServiceCatalog) {
    let Some(definition) = schema.pointer_mut("/$defs/ServiceKind") else {
        return;
    };
    let names = catalog.kinds().into_iter().map(|kind| {
        let summary = catalog.describe(&kind).unwrap_or_default().summary;
        json!({ "type": "string", "const": kind.as_str(), "description": summary })
    });
    let names: Vec<Value> = names.collect();
    let description = definition.get("description").cloned();
    *definition = json!({ "oneOf": names, "description": description });
}

/// The schema as `hpcbench schema` prints it and `recipes/schema/recipe.schema.json` has it.
pub fn schema_text(catalog: &dyn ServiceCatalog) -> String {
    format!("{:#}\n", json_schema(catalog))
}

/// Gives unsigned integers the upper bound of their type, which schemars names only as a format.
fn bound_integers(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("type").is_some_and(Value::is_string) {
                bound_integer(members);
            }
            members.values_mut().for_each(bound_integers);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        _ => {}
    }
}

fn bound_integer(members: &mut Map<String, Value>) {
    let bound = match members.get("format").and_then(Value::as_str) {
        Some("uint16") => u64::from(u16::MAX),
        Some("uint32") => u64::from(u32::MAX),
        Some("uint64") => u64::MAX,
        _ => return,
    };
    members.remove("format");
    if !members.contains_key("maximum") {
        members.insert("maximum".to_owned(), bound.into());
    }
}

/// Checks documents. To compile the options of all kinds would take longer than all the rest, so each kind's are compiled when a
/// document has a service of it.
pub(crate) struct Checker<'c> {
    catalog: &'c dyn ServiceCatalog,
    /// What there is for each kind of the catalog.
    of_kinds: Vec<(ServiceKind, OnceCompiled)>,
    /// What there is for a service of no kind.
    of_none: OnceCompiled,
}

/// Compiled when it is needed first.
type OnceCompiled = OnceLock<Result<Compiled, Box<Problem>>>;

/// Removes what is there for readers. A property that is called `description` has a schema, no text.
fn without_descriptions(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|key, value| key != "description" || !value.is_string());
            members.values_mut().for_each(without_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(without_descriptions),
        _ => {}
    }
}

/// The schema with the options of these kinds, ready to check documents.
struct Compiled {
    kinds: Vec<ServiceKind>,
    validator: Validator,
}

impl<'c> Checker<'c> {
    /// A checker that knows these services.
    pub(crate) fn new(catalog: &'c dyn ServiceCatalog) -> Self {
        let kinds = catalog.kinds().into_iter();
        Self {
            catalog,
            of_kinds: kinds.map(|kind| (kind, OnceLock::new())).collect(),
            of_none: OnceLock::new(),
        }
    }

    /// Whether a document keeps to the schema.
    pub(crate) fn is_valid(&self, document: &Value) -> bool {
        let compiled = self.compiled(document);
        compiled.is_ok_and(|compiled| compiled.validator.is_valid(document))
    }

    /// Everything in a document that does not keep to the schema.
    pub(crate) fn problems(&self, document: &Value) -> Vec<Problem> {
        let compiled = match self.compiled(document) {
            Ok(compiled) => compiled,
            Err(problem) => return vec![problem.clone()],
        };
        let mut problems = Vec::new();
        // Most documents have no errors, and only those need the descriptions.
        let schema = LazyCell::new(|| schema_with(self.catalog, &compiled.kinds));
        for error in compiled.validator.iter_errors(document) {
            explain::explain(&error, &schema, &mut problems);
        }
        without_misspelt(problems)
    }

    /// The schema with the options of the document's kind of service.
    fn compiled(&self, document: &Value) -> Result<&Compiled, &Problem> {
        let name = document.pointer("/service/kind").and_then(Value::as_str);
        let known = self.of_kinds.iter().find(|(kind, _)| Some(kind.as_str()) == name);
        let (kinds, compiled) = match known {
            Some((kind, compiled)) => (vec![kind.clone()], compiled),
            None => (Vec::new(), &self.of_none),
        };
        compiled
            .get_or_init(|| Compiled::new(self.catalog, kinds))
            .as_ref()
            .map_err(|problem| &**problem)
    }
}

impl Compiled {
    /// What fails here is a mistake in this program or in a service's options, which tests of all kinds would have shown.
    fn new(catalog: &dyn ServiceCatalog, kinds: Vec<ServiceKind>) -> Result<Self, Box<Problem>> {
        let mut schema = schema_with(catalog, &kinds);
        without_descriptions(&mut schema);
        let validator = jsonschema::draft202012::options()
            // Linear time, whatever the text: no backtracking.
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .with_format("hpcbench-duration", |text: &str| text.parse::<Duration>().is_ok())
            .with_format("hpcbench-size", |text: &str| text.parse::<Size>().is_ok())
            .build(&schema)
            .map_err(|error| {
                let message = format!("the schema of recipes in this build is not usable: {error}");
                Box::new(Problem::value(Code::Unsupported, Pointer::root(), message))
            })?;
        Ok(Self { kinds, validator })
    }
}

/// Leaves out missing keys that are there under a name for which they are suggested.
fn without_misspelt(mut problems: Vec<Problem>) -> Vec<Problem> {
    let mut unknown: HashMap<Pointer, Vec<String>> = HashMap::new();
    for problem in problems.iter().filter(|problem| problem.code == Code::UnknownKey) {
        if let Some((mapping, key)) = problem.pointer.split_last() {
            unknown.entry(mapping).or_default().push(key.to_owned());
        }
    }
    let misspelt = |problem: &Problem, key: &str| {
        let wrong = unknown
            .get(&problem.pointer)
            .map(Vec::as_slice)
            .unwrap_or_default();
        wrong.iter().any(|wrong| suggest::nearest(wrong, [key]).is_some())
    };
    problems.retain(|problem| {
        !problem
            .missing
            .as_deref()
            .is_some_and(|key| misspelt(problem, key))
    });
    problems
}
