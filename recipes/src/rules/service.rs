//! Rules about the service.

use std::collections::HashSet;

use super::{Subject, in_service, in_workload, place};
use crate::catalog::{ServiceCatalog, ServiceProblem, Staging};
use crate::code::Code;
use crate::plan::Plan;
use crate::problem::Problem;
use crate::recipe::{LaunchMode, Secrets};
use crate::schema::suggest;
use crate::secret_words::is_secret_name;
use crate::tree::Pointer;

/// Not every kind has a model that is copied to the nodes' own disks.
pub(super) fn staged_model(plan: &Plan, catalog: &dyn ServiceCatalog) -> Vec<Problem> {
    let mut kinds = plan.services.iter().map(|service| &service.kind);
    let stays = |kind| match catalog.describe(kind).unwrap_or_default().staging {
        Staging::Copied => None,
        Staging::Stays => Some((kind, None)),
        Staging::StaysBecause(reason) => Some((kind, Some(reason.to_owned()))),
    };
    let Some((kind, help)) = kinds.find_map(stays).filter(|_| plan.storage.stage_model) else {
        return Vec::new();
    };
    let message = format!("`stage_model` has no effect on a service of kind {kind}");
    vec![Problem::key(Code::NoEffect, place(["storage", "stage_model"]), message).with_help(help)]
}

/// The service answers the workload's endpoint.
pub(super) fn endpoint_dialect(subject: &Subject<'_>) -> Vec<Problem> {
    let (Some(service), Some(workload)) = (subject.service, subject.workload) else {
        return Vec::new();
    };
    let Some(kind) = subject.catalog.describe(&service.kind) else {
        return Vec::new();
    };
    if kind.endpoints.contains(&workload.endpoint) {
        return Vec::new();
    }
    let names: Vec<&str> = kind.endpoints.iter().map(|endpoint| endpoint.as_str()).collect();
    let message = format!(
        "a service of kind {} does not answer `{}`",
        service.kind, workload.endpoint
    );
    let help = format!("it answers {}", suggest::list(&names));
    vec![Problem::value(Code::EndpointDialect, in_workload(["endpoint"]), message).with_help(help)]
}

/// Services that already run are listed; others are not.
pub(super) fn endpoints(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(service) = subject.service else {
        return Vec::new();
    };
    let Some(kind) = subject.catalog.describe(&service.kind) else {
        return Vec::new();
    };
    match (kind.launches, service.endpoints.is_empty()) {
        (false, true) => {
            let message = format!("a service of kind {} needs `endpoints`", service.kind);
            let help = "add the base URL of a server that runs: endpoints: [\"http://127.0.0.1:8000/v1\"]"
                .to_owned();
            vec![Problem::value(Code::Endpoints, in_service([]), message).with_help(help)]
        }
        (true, false) => {
            let message = format!(
                "hpcbench starts a service of kind {} itself; it takes no `endpoints`",
                service.kind
            );
            let help = "remove `endpoints`, or use kind openai for a server that already runs".to_owned();
            vec![Problem::key(Code::Endpoints, in_service(["endpoints"]), message).with_help(help)]
        }
        _ => repeated_endpoints(&service.endpoints),
    }
}

fn repeated_endpoints(endpoints: &[String]) -> Vec<Problem> {
    let mut seen = HashSet::new();
    let repeated = endpoints.iter().enumerate().filter(|(_, url)| !seen.insert(*url));
    repeated
        .map(|(index, url)| {
            let place = in_service(["endpoints"]).child(index.to_string());
            Problem::value(Code::Endpoints, place, format!("{url} is listed twice"))
        })
        .collect()
}

/// Requests name a model.
pub(super) fn model(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(service) = subject.service else {
        return Vec::new();
    };
    let Some(kind) = subject.catalog.describe(&service.kind) else {
        return Vec::new();
    };
    if service.model.is_some() || kind.default_model.is_some() {
        return Vec::new();
    }
    let message = format!("a service of kind {} needs `model`", service.kind);
    let help = "add `model`: the name as requests to the service name it".to_owned();
    vec![Problem::value(Code::Model, in_service([]), message).with_help(help)]
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Names in the environment and of secrets are names of variables.
pub(super) fn variable_names(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(service) = subject.service else {
        return Vec::new();
    };
    let mut names: Vec<(&str, Pointer)> = service
        .environment
        .keys()
        .map(|name| (name.as_str(), in_service(["environment", name])))
        .collect();
    match &service.secrets {
        Secrets::Files(files) => names.extend(
            files
                .keys()
                .map(|name| (name.as_str(), in_service(["secrets", name]))),
        ),
        Secrets::Variables(list) => {
            let places = list
                .iter()
                .enumerate()
                .map(|(index, _)| in_service(["secrets"]).child(index.to_string()));
            names.extend(list.iter().map(String::as_str).zip(places));
        }
    }
    names
        .into_iter()
        .filter(|(name, _)| !is_variable_name(name))
        .map(|(_, place)| {
            let help = "letters, digits and `_`, not beginning with a digit, such as HF_TOKEN".to_owned();
            Problem::key(
                Code::SecretName,
                place,
                "this is no name of an environment variable",
            )
            .with_help(help)
        })
        .collect()
}

/// A secret is in no recipe: what has a secret's name has no value there.
pub(super) fn plain_secrets(subject: &Subject<'_>) -> Vec<Problem> {
    let variables = subject.service.map(|service| service.environment.iter());
    let plain = variables
        .into_iter()
        .flatten()
        .filter(|(name, value)| !value.is_empty() && is_secret_name(name));
    plain
        .map(|(name, _)| {
            let message =
                "by its name this is a secret, and `environment` is written to the plan, the log and reports";
            let help =
                format!("put the value into a file of your own: secrets: {{{name}: {{file: ~/.{name}}}}}");
            Problem::key(Code::SecretName, in_service(["environment", name]), message).with_help(help)
        })
        .collect()
}

/// A secret of a Slurm job comes from a file; a local run's file is there.
pub(super) fn secret_files(subject: &Subject<'_>) -> Vec<Problem> {
    let (Some(service), Some(launch)) = (subject.service, subject.launch) else {
        return Vec::new();
    };
    match (&service.secrets, launch.mode) {
        (Secrets::Variables(names), LaunchMode::Slurm) if !names.is_empty() => {
            let message = "a Slurm job cannot take secrets from the environment";
            let help = "name a file instead: secrets: {HF_TOKEN: {file: ~/.hf_token}}".to_owned();
            vec![Problem::value(Code::SecretInSlurm, in_service(["secrets"]), message).with_help(help)]
        }
        (Secrets::Files(files), LaunchMode::Local) => {
            let missing = files
                .iter()
                .filter(|(_, secret)| !subject.files.is_file(&subject.paths.absolute(&secret.file)));
            missing
                .map(|(name, secret)| {
                    let message = format!(
                        "there is no file {}",
                        subject.paths.absolute(&secret.file).display()
                    );
                    Problem::value(Code::MissingFile, in_service(["secrets", name, "file"]), message)
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The image is there, or is still to be fetched.
pub(super) fn image(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(image) = subject.service.and_then(|service| service.image.as_ref()) else {
        return Vec::new();
    };
    let path = subject.paths.absolute(&image.path);
    if subject.files.exists(&path) {
        return Vec::new();
    }
    let message = format!("there is no image {}", path.display());
    let help = match image.source {
        Some(_) => "fetch it before the run: `hpcbench images pull RECIPE`",
        None => {
            "put it there before the run, or name its `source` and fetch it: `hpcbench images pull RECIPE`"
        }
    };
    vec![
        Problem::value(Code::MissingImage, in_service(["image", "path"]), message).with_help(help.to_owned()),
    ]
}

/// What the kind itself knows.
pub(super) fn of_the_kind(subject: &Subject<'_>) -> Vec<Problem> {
    let (Some(service), Some(workload)) = (subject.service, subject.workload) else {
        return Vec::new();
    };
    of_the_service(subject.catalog.check(service, workload))
}

/// What the kind itself knows about the nodes that it is to run on.
pub(super) fn of_the_kind_on_its_nodes(subject: &Subject<'_>) -> Vec<Problem> {
    let (Some(service), Some(nodes)) = (subject.service, subject.nodes) else {
        return Vec::new();
    };
    of_the_service(subject.catalog.check_nodes(service, nodes))
}

fn of_the_service(problems: Vec<ServiceProblem>) -> Vec<Problem> {
    problems
        .into_iter()
        .map(|problem| {
            let code = if problem.advice_only {
                Code::ServiceAdvice
            } else {
                Code::ServiceOption
            };
            let path = ["service"]
                .into_iter()
                .chain(problem.path.iter().map(String::as_str));
            Problem::value(code, place(path), problem.message).with_help(problem.help)
        })
        .collect()
}
