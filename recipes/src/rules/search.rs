//! Rules about a search for the highest load.

use super::sample_size::{deciding_key, expected_requests};
use super::{Subject, in_workload, place};
use crate::code::Code;
use crate::plan::search_alpha;
use crate::problem::Problem;
use crate::recipe::{Search, Workload};

/// The search of a recipe whose sweep keeps to the schema, if it has one.
fn searched<'s>(subject: &Subject<'s>) -> Option<(&'s Search, &'s Workload)> {
    subject.sweep?.search.as_ref().zip(subject.workload)
}

/// Levels are held against objectives.
pub(super) fn objectives(subject: &Subject<'_>) -> Vec<Problem> {
    let Some((_, workload)) = searched(subject) else {
        return Vec::new();
    };
    if !workload.slo.0.is_empty() {
        return Vec::new();
    }
    let help = "add what the load is to keep, such as `workload: {slo: {ttft_p95: 500ms}}`".to_owned();
    let message = "the search has no objectives to hold a level against";
    vec![Problem::key(Code::Search, place(["sweep", "search"]), message).with_help(help)]
}

/// A level with too few requests cannot be shown to pass, even if none of them breaks an objective.
pub(super) fn sample(subject: &Subject<'_>) -> Vec<Problem> {
    let Some((search, workload)) = searched(subject) else {
        return Vec::new();
    };
    let Some(expected) = expected_requests(workload) else {
        return Vec::new();
    };
    let needed = |quantile: f64| (search_alpha(search.max_trials).ln() / quantile.ln()).ceil();
    let targets = workload.slo.0.keys();
    let hardest = targets.max_by(|a, b| a.percentile.quantile().total_cmp(&b.percentile.quantile()));
    let Some((target, needed)) = hardest
        .map(|target| (target, needed(target.percentile.quantile())))
        .filter(|(_, needed)| expected < *needed)
    else {
        return Vec::new();
    };
    let message = format!(
        "a trial measures about {expected:.0} requests; even if none of them misses {target}, it takes {needed:.0} to be \
         sure enough of that"
    );
    let help = "measure longer, or begin the search at a higher level".to_owned();
    vec![Problem::value(Code::SearchSample, in_workload([deciding_key(workload)]), message).with_help(help)]
}
