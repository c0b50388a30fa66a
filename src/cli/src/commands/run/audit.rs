//! Who asks for a run, where, with which words and which tools: for the log.

use std::collections::BTreeMap;

use hpcbench_actors::shell::{hostname, user};
use hpcbench_core::RunId;
use hpcbench_core::event::{RunCreated, RunResumed};
use hpcbench_recipes::Plan;
use hpcbench_services::unknown_kind;

use super::{bus_server, containers, words};
use crate::exit::Failure;
use crate::program;

/// Versions of the tools that a run uses, by name.
pub(in crate::commands) type Tools = BTreeMap<String, String>;

/// The tools that the plan's runs use.
///
/// # Errors
/// There is no nats-server; an image is missing, or what starts containers. The plan is another build's and has a kind of service that
/// this one does not know.
pub(in crate::commands) fn tools(plan: &Plan) -> anyhow::Result<Tools> {
    if let Some(kind) = unknown_kind(plan) {
        let words =
            format!("this build of hpcbench has no services of kind {kind}: use the one that made the plan");
        return Err(Failure::Environment(words).into());
    }
    let nats_server = ("nats-server".to_owned(), bus_server::version()?);
    let apptainer = containers::version(plan)?.map(|version| ("apptainer".to_owned(), version));
    Ok([nats_server].into_iter().chain(apptainer).collect())
}

/// A run that this command line asks for.
pub(in crate::commands) fn created(plan: &Plan, run: RunId, tools: Tools) -> RunCreated {
    RunCreated {
        run,
        name: plan.name.clone(),
        plan: plan.hash.clone(),
        recipe: plan.recipe_sha256.clone(),
        trials: plan.trials.len() as u64,
        nodes: plan
            .nodes
            .iter()
            .map(|node| (node.node.clone(), node.role))
            .collect(),
        user: user(),
        host: hostname(),
        command_line: command_line(),
        program: program::program(),
        tools,
    }
}

/// A run that this command line wants to go on.
pub(in crate::commands) fn resumed(tools: Tools, retry_failed: bool) -> RunResumed {
    RunResumed {
        user: user(),
        host: hostname(),
        command_line: command_line(),
        tools,
        retry_failed,
    }
}

/// The words that this process was started with, without what may be secret.
pub(in crate::commands) fn command_line() -> Vec<String> {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    words::without_secrets(words)
}
