//! What can be known of the services' programs before there is a job: the nodes that are waited for would find the same.

use std::path::Path;

use hpcbench_recipes::{Plan, ServicePlan};
use hpcbench_services::{Service, find};

use crate::commands::programs::Programs;
use crate::exit::Failure;
use crate::terminal;

/// Asks the programs of the services' images, and those on PATH where a service has none, what they are.
///
/// # Errors
/// The job's services would be refused. Where the programs cannot be asked, which need not be installed here, that shows only in
/// the job.
pub(super) fn refuse_programs(plan: &Plan) -> Result<(), Failure> {
    let mut asked: Vec<&ServicePlan> = Vec::new();
    for service in &plan.services {
        let Some(kind) = find(&service.kind) else { continue };
        if asked.iter().any(|other| has_same_programs(other, service)) {
            continue;
        }
        asked.push(service);
        match printed(plan, service, kind) {
            Ok(None) => {}
            Ok(Some(printed)) => kind
                .judge_preflight(service, &printed)
                .map_err(Failure::Environment)?,
            Err(error) => terminal::say(&format!(
                "the programs of {} cannot be asked here, so that what is wrong with them would show only in the job: {}",
                service.kind,
                crate::exit::in_words(&error)
            )),
        }
    }
    Ok(())
}

/// Whether two configurations, which a sweep may have many of, run the same programs.
fn has_same_programs(one: &ServicePlan, other: &ServicePlan) -> bool {
    let programs = ["program", "ray"];
    one.kind == other.kind
        && one.image == other.image
        && programs
            .iter()
            .all(|name| one.options.get(*name) == other.options.get(*name))
}

/// What the programs say of themselves. None: there is nothing to ask.
fn printed(plan: &Plan, service: &ServicePlan, kind: &dyn Service) -> anyhow::Result<Option<String>> {
    // Whether there is does not depend on where they may write.
    if kind.preflight(service, Path::new("/"))?.is_none() {
        return Ok(None);
    }
    let programs = Programs::of(plan, service)?;
    let command = kind.preflight(service, programs.scratch())?;
    command.map(|command| programs.print(command)).transpose()
}
