//! Rules that no schema can express. A rule is one function; its code says what it is about.

mod clients;
mod job;
mod launch;
mod load;
mod nodes;
mod sample_size;
mod search;
mod service;
mod unsupported;
mod workload;

use crate::catalog::ServiceCatalog;
use crate::files::{Files, PathBase};
use crate::plan::Plan;
use crate::problem::Problem;
use crate::recipe::{Launch, Monitoring, Nodes, Report, Service, Sweep, Workload};
use crate::tree::Pointer;

/// What rules look at: the sections of a recipe, as far as they keep to the schema.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub launch: Option<&'a Launch>,
    pub nodes: Option<&'a Nodes>,
    pub service: Option<&'a Service>,
    pub workload: Option<&'a Workload>,
    pub sweep: Option<&'a Sweep>,
    pub monitoring: Option<&'a Monitoring>,
    pub report: Option<&'a Report>,
    pub catalog: &'a dyn ServiceCatalog,
    pub files: &'a dyn Files,
    pub paths: &'a PathBase,
}

type Rule = fn(&Subject<'_>) -> Vec<Problem>;

type PlanRule = fn(&Plan, &dyn ServiceCatalog) -> Vec<Problem>;

/// Rules that a sweep cannot change the outcome of.
const OF_THE_RUN: &[Rule] = &[
    launch::without_effect,
    launch::empty_intervals,
    unsupported::nodes,
    unsupported::report,
];

/// Rules that are checked at every point of a sweep.
const OF_A_POINT: &[Rule] = &[
    workload::window,
    workload::warmup_length,
    workload::cooldown_kind,
    workload::empty_window,
    workload::token_ranges,
    workload::shared_prefix,
    workload::prompt_files,
    nodes::too_many_here,
    nodes::instances_fit,
    nodes::gpus_divide,
    nodes::clients_beside_servers,
    nodes::of_running_service,
    load::trace,
    load::ramp,
    load::conversation,
    workload::whole_answers,
    load::max_age,
    clients::limits,
    clients::idle,
    sample_size::little_data,
    sample_size::slo_sample,
    search::objectives,
    search::sample,
    service::endpoint_dialect,
    service::endpoints,
    service::model,
    service::variable_names,
    service::plain_secrets,
    service::secret_files,
    service::image,
    service::of_the_kind,
    service::of_the_kind_on_its_nodes,
];

/// Rules about all trials together.
const OF_THE_PLAN: &[PlanRule] = &[
    |plan, _| job::length(plan),
    |plan, _| job::longest_trial(plan),
    service::staged_model,
];

/// Checks what all points have in common.
pub(crate) fn check_run(subject: &Subject<'_>) -> Vec<Problem> {
    OF_THE_RUN.iter().flat_map(|rule| rule(subject)).collect()
}

/// Checks one point.
pub(crate) fn check_point(subject: &Subject<'_>) -> Vec<Problem> {
    OF_A_POINT.iter().flat_map(|rule| rule(subject)).collect()
}

/// Checks a plan.
pub(crate) fn check_plan(plan: &Plan, catalog: &dyn ServiceCatalog) -> Vec<Problem> {
    OF_THE_PLAN.iter().flat_map(|rule| rule(plan, catalog)).collect()
}

/// A place by its keys, from the document's root.
fn place<'k>(keys: impl IntoIterator<Item = &'k str>) -> Pointer {
    keys.into_iter()
        .fold(Pointer::root(), |pointer, key| pointer.child(key))
}

/// A place in a workload.
fn in_workload<'k>(keys: impl IntoIterator<Item = &'k str>) -> Pointer {
    place(["workload"].into_iter().chain(keys))
}

/// A place in a service.
fn in_service<'k>(keys: impl IntoIterator<Item = &'k str>) -> Pointer {
    place(["service"].into_iter().chain(keys))
}
