//! Every rule's example: what it calls wrong is found, what it calls right is not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::path::{Path, PathBuf};

use hpcbench_recipes::{Checked, Code, Files, Input, PathBase, RecipeChecker};
use hpcbench_services::REGISTRY;
use serde_json::{Map, Value, json};

/// Keys that tell the forms of a mapping apart: an example with one of them says all of the mapping.
const TAGS: [&str; 4] = ["kind", "policy", "shape", "source"];

/// A minute of arrivals.
struct ExampleFiles;

impl Files for ExampleFiles {
    fn is_file(&self, path: &Path) -> bool {
        !path.to_string_lossy().contains("not-there")
    }

    fn exists(&self, path: &Path) -> bool {
        self.is_file(path)
    }

    fn read(&self, _: &Path, _: u64) -> io::Result<Vec<u8>> {
        let lines: Vec<String> = (0..=60)
            .map(|second| format!("{{\"timestamp\": {second}.0}}"))
            .collect();
        Ok(lines.join("\n").into_bytes())
    }
}

fn base() -> Value {
    json!({
        "schema": "hpcbench/v1",
        "name": "example",
        "service": {"kind": "simulator"},
        "workload": {
            "load": {"shape": "closed", "concurrency": 8},
            "duration": "5m",
            "prompts": {"source": "synthetic", "input_tokens": 64, "output_tokens": 16},
        },
    })
}

/// Puts an example's values into a recipe.
fn put(base: &mut Map<String, Value>, example: &Map<String, Value>) {
    for (key, value) in example {
        match (base.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(more))
                if !TAGS.iter().any(|tag| more.contains_key(*tag)) =>
            {
                put(inner, more);
            }
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The recipe that an example is a piece of.
fn whole(example: &str) -> String {
    let options = serde_yaml::options! { strict_booleans: true };
    let Ok(Value::Object(piece)) = serde_yaml::from_str_with_options(example, options) else {
        return example.to_owned();
    };
    if piece.contains_key("schema") {
        return example.to_owned();
    }
    let mut recipe = base();
    let replaces_window = piece
        .get("workload")
        .is_some_and(|workload| workload.get("requests").is_some());
    if replaces_window {
        recipe["workload"].as_object_mut().unwrap().remove("duration");
    }
    put(recipe.as_object_mut().unwrap(), &piece);
    recipe.to_string()
}

fn check(example: &str) -> Checked {
    let (source, overrides) = match example.strip_prefix("--set ") {
        Some(text) => (base().to_string(), vec![text.to_owned()]),
        None => (whole(example), Vec::new()),
    };
    let paths = PathBase {
        directory: PathBuf::from("/recipes"),
        home: Some(PathBuf::from("/home/ada")),
    };
    RecipeChecker::new(&REGISTRY).check(&Input {
        source: source.as_bytes(),
        overrides: &overrides,
        paths: &paths,
        files: &ExampleFiles,
    })
}

#[test]
fn examples_show_what_their_rules_say() {
    for code in Code::ALL {
        let example = code.example();
        let right = check(example.right);
        assert!(right.plan.is_some(), "{code}: {:#?}", right.diagnostics);
        assert!(
            right.diagnostics.iter().all(|found| found.code != *code),
            "{code}: {:#?}",
            right.diagnostics
        );
        // Only a cluster breaks its own rule.
        if *code != Code::Cluster {
            let wrong = check(example.wrong);
            assert!(
                wrong.diagnostics.iter().any(|found| found.code == *code),
                "{code}: {:#?}",
                wrong.diagnostics
            );
        }
    }
}
