//! Short names for a sweep's parameters.

use std::collections::BTreeMap;

use hpcbench_recipes::{Plan, TrialPlan};
use serde_json::{Map, Value};

use super::one_line;

/// What a plan's parameters are called where room is short: the last parts of their paths, as many as tell them apart.
#[derive(Debug, Clone, Default)]
pub struct ParameterNames {
    /// Path in the recipe and short name, in the order in which the plan names them.
    names: Vec<(String, String)>,
}

impl ParameterNames {
    /// The names for a plan's parameters.
    pub fn of(plan: &Plan) -> Self {
        let mut paths: Vec<&str> = Vec::new();
        for trial in &plan.trials {
            for path in trial.parameters.keys() {
                if !paths.contains(&path.as_str()) {
                    paths.push(path);
                }
            }
        }
        paths.extend(plan.search.iter().map(|search| search.parameter.path()));
        Self::short(&paths)
    }

    fn short(paths: &[&str]) -> Self {
        let mut uses = BTreeMap::new();
        for ending in paths.iter().flat_map(|path| endings(path)) {
            *uses.entry(ending).or_insert(0_usize) += 1;
        }
        let name = |path: &str| {
            // Nobody knows what a count counts.
            let mut clear = endings(path).filter(|ending| *ending != "count");
            let unique = clear.find(|ending| uses.get(ending) == Some(&1));
            unique.unwrap_or(path).to_owned()
        };
        Self {
            names: paths
                .iter()
                .map(|path| ((*path).to_owned(), name(path)))
                .collect(),
        }
    }

    /// Paths and short names, in the plan's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names
            .iter()
            .map(|(path, name)| (path.as_str(), name.as_str()))
    }

    /// A trial's parameters as `name=value`, in the plan's order; empty for a trial without.
    pub fn pairs(&self, trial: &TrialPlan) -> Vec<String> {
        self.of_parameters(&trial.parameters)
    }

    /// The same of a trial's parameters alone.
    pub(crate) fn of_parameters(&self, parameters: &Map<String, Value>) -> Vec<String> {
        self.iter()
            .filter_map(|(path, name)| {
                let value = parameters.get(path)?;
                Some(format!("{name}={}", shown(value)))
            })
            .collect()
    }
}

/// The path's last part, its last two parts and so on, up to the whole path.
fn endings(path: &str) -> impl Iterator<Item = &str> {
    let starts = path.rmatch_indices('.').map(|(dot, _)| dot + 1);
    starts.chain([0]).filter_map(|start| path.get(start..))
}

/// A value without the quotes of a text.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        other => one_line(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_short_as_they_can_be_told_apart() {
        let paths = ["workload.load.concurrency", "a.b.count", "a.c.count", "count"];
        let names = ParameterNames::short(&paths);
        let short: Vec<&str> = names.iter().map(|(_, name)| name).collect();
        assert_eq!(short, ["concurrency", "b.count", "c.count", "count"]);
        let names = ParameterNames::short(&["nodes.servers.count"]);
        let short: Vec<&str> = names.iter().map(|(_, name)| name).collect();
        assert_eq!(short, ["servers.count"]);
    }

    #[test]
    fn texts_have_no_quotes() {
        assert_eq!(shown(&"a b".into()), "a b");
        assert_eq!(shown(&serde_json::json!({"mean": 5})), r#"{"mean":5}"#);
    }
}
