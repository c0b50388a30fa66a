//! What the kinds' options have in common: reading, completing, and problems with them.

use std::path::Path;

use hpcbench_recipes::ServiceProblem;
use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Secrets, Service as ServiceSection};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::endpoint::ApiKey;
use crate::launch::{LaunchCommand, Token};
use crate::service::ServiceError;

/// A program: an absolute path, or a name to look up in PATH.
pub(crate) const PROGRAM: &str = "^(?:/.+|[^/]+)$";
/// An absolute path.
pub(crate) const ABSOLUTE: &str = "^/.";

/// A flag or variable that a recipe must not set, and what to do instead.
pub(crate) type Reserved = (&'static str, &'static str);

/// The options of a plan.
pub(crate) fn read<T: DeserializeOwned>(plan: &ServicePlan) -> Result<T, ServiceError> {
    T::deserialize(&plan.options).map_err(|source| ServiceError::Options {
        kind: plan.kind.clone(),
        source,
    })
}

/// The options with every default filled in.
pub(crate) fn complete<T: DeserializeOwned + Serialize>(
    options: &Map<String, Value>,
) -> Result<Map<String, Value>, serde_json::Error> {
    let complete = serde_json::to_value(T::deserialize(options)?)?;
    serde_json::from_value(complete)
}

/// An option that cannot be as it is.
pub(crate) fn problem(option: &str, message: impl Into<String>, help: impl Into<String>) -> ServiceProblem {
    ServiceProblem {
        path: vec!["options".to_owned(), option.to_owned()],
        advice_only: false,
        message: message.into(),
        help: Some(help.into()),
    }
}

/// An option that is probably not meant as it is.
pub(crate) fn advice(option: &str, message: impl Into<String>, help: impl Into<String>) -> ServiceProblem {
    ServiceProblem {
        advice_only: true,
        ..problem(option, message, help)
    }
}

/// A model whose name would be read as a flag.
pub(crate) fn model_name(model: Option<&str>) -> Option<ServiceProblem> {
    model?.starts_with('-').then(|| ServiceProblem {
        path: vec!["model".to_owned()],
        advice_only: false,
        message: "a model's name cannot begin with `-`".to_owned(),
        help: None,
    })
}

/// Arguments of the recipe's own among which some set what hpcbench sets. Parsers take a flag's value after `=` too, and some
/// take `_` for `-` and the beginning of a flag for the flag.
pub(crate) fn extra_arguments(arguments: &[String], reserved: &[Reserved]) -> Vec<ServiceProblem> {
    let clash = |(index, argument): (usize, &String)| {
        let flag = argument.split('=').next().unwrap_or_default().replace('_', "-");
        if !flag.starts_with('-') || flag.len() < 2 {
            return None;
        }
        let is_meant = |known: &str| {
            known == flag || (flag.starts_with("--") && flag.len() > 3 && known.starts_with(&flag))
        };
        let (known, instead) = reserved.iter().find(|(known, _)| is_meant(known))?;
        Some(ServiceProblem {
            path: vec!["options".to_owned(), "extra_args".to_owned(), index.to_string()],
            advice_only: false,
            message: format!("hpcbench sets {known} itself"),
            help: Some((*instead).to_owned()),
        })
    };
    arguments.iter().enumerate().filter_map(clash).collect()
}

/// Variables of the recipe's own that hpcbench sets.
pub(crate) fn environment(service: &ServiceSection, reserved: &[Reserved]) -> Vec<ServiceProblem> {
    let clashes = reserved
        .iter()
        .filter(|(name, _)| service.environment.contains_key(*name));
    clashes
        .map(|(name, instead)| ServiceProblem {
            path: vec!["environment".to_owned(), (*name).to_owned()],
            advice_only: false,
            message: format!("hpcbench sets {name} itself"),
            help: Some((*instead).to_owned()),
        })
        .collect()
}

/// Secrets that the recipe has in plain.
pub(crate) fn in_plain(service: &ServiceSection, names: &[&str]) -> Vec<ServiceProblem> {
    let plain = names
        .iter()
        .filter(|name| service.environment.contains_key(**name));
    plain
        .map(|name| ServiceProblem {
            path: vec!["environment".to_owned(), (*name).to_owned()],
            advice_only: false,
            message: "a secret in a recipe is in every copy of it, and in the run's plan".to_owned(),
            help: Some(format!(
                "name the file that holds it: secrets: {{{name}: {{file: …}}}}"
            )),
        })
        .collect()
}

/// Whether a name is among the service's secrets.
pub(crate) fn has_secret(secrets: &Secrets, name: &str) -> bool {
    match secrets {
        Secrets::Files(files) => files.contains_key(name),
        Secrets::Variables(names) => names.iter().any(|known| known == name),
    }
}

/// The key of a server that reads it from a variable: the recipe's secret of that name if it has one, else the run's.
pub(crate) fn server_key(plan: &ServicePlan, variable: &str) -> ApiKey {
    if plan.secrets.contains_key(variable) {
        ApiKey::Secret(variable.to_owned())
    } else {
        ApiKey::OfTheRun
    }
}

/// Gives a server's command that key. Whoever can reach a port of the cluster could use the server otherwise.
pub(crate) fn give_key(command: &mut LaunchCommand, plan: &ServicePlan, variable: &str) {
    // Secrets are in the command already.
    if server_key(plan, variable) == ApiKey::OfTheRun {
        command.tokens.insert(variable.to_owned(), Token::ApiKey);
    }
}

/// Has a program say its version.
pub(crate) fn version(program: &str, plan: &ServicePlan, scratch: &Path) -> LaunchCommand {
    let mut command = LaunchCommand::tool(program, &["--version"], plan);
    command.set_default("HOME", scratch);
    command
}

/// The same inside of the plan's image, if there is one: what a server lacks there is told before it loads a model. A program of
/// the node itself tells that as quickly by its start.
pub(crate) fn version_in_image(program: &str, plan: &ServicePlan, scratch: &Path) -> Option<LaunchCommand> {
    plan.image.is_some().then(|| version(program, plan, scratch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_do_not_undo_what_is_set() {
        let reserved = [("--port", "no"), ("-c", "no"), ("--max-model-len", "no")];
        let clashes = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
            extra_arguments(&arguments, &reserved)
                .into_iter()
                .map(|problem| problem.path[2].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            clashes(&[
                "--seed",
                "1",
                "--port=3",
                "-c",
                "5",
                "--max_model_len",
                "--max-model",
                "-"
            ]),
            ["2", "3", "5", "6"]
        );
        assert!(clashes(&["--swa-full", "-ctk", "q8_0", "--", "--p"]).is_empty());
    }
}
