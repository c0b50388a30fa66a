//! Events of a search, and what its trials say.

use hpcbench_recipes::plan::SearchPoint;
use hpcbench_stats::SloEvidence;

use super::Misfit;
use crate::TrialId;
use crate::event::{SearchEnded, TrialCompleted, TrialFailed, TrialPlanned};
use crate::state::{SearchedTrial, State};

pub(super) fn planned(state: &mut State, planned: &TrialPlanned) -> Result<(), Misfit> {
    let (Some(outline), Some(search)) = (&state.outline.search, &mut state.search) else {
        return Err("the plan has no search".to_owned());
    };
    let point = SearchPoint {
        level: planned.level.0,
        repetition: planned.repetition,
    };
    let trial = outline.trial(point).filter(|trial| trial.id == planned.trial);
    let trial = trial.ok_or_else(|| format!("trial {} is none of the search's", planned.trial))?;
    if search.trials.iter().any(|known| known.id == planned.trial) {
        return Err(format!("trial {} is planned already", planned.trial));
    }
    search.trials.push(SearchedTrial {
        id: planned.trial.clone(),
        point,
        purpose: planned.purpose,
        evidence: None,
        outline: outline.outline_of(&trial),
    });
    search.look_ahead(&outline.search);
    Ok(())
}

pub(super) fn ended(state: &mut State, ended: &SearchEnded) -> Result<(), Misfit> {
    let search = state.search.as_mut().ok_or("the plan has no search")?;
    if search.ending.replace(ended.ending.clone()).is_some() {
        return Err("the search has ended already".to_owned());
    }
    Ok(())
}

pub(super) fn completed(state: &mut State, completed: &TrialCompleted) {
    let evidence = completed.summary.slo_evidence.clone();
    let evidence = evidence.unwrap_or_else(|| SloEvidence::unusable("its objectives were not judged"));
    hear(state, &completed.trial, Some(evidence));
}

/// A trial that failed says nothing about the load that the service can carry.
pub(super) fn failed(state: &mut State, failed: &TrialFailed) {
    let reason = format!("failed: {}", failed.reason);
    hear(state, &failed.trial, Some(SloEvidence::unusable(reason)));
}

/// The trial is to be executed again, and the search to go on with what comes of that.
pub(super) fn forget(state: &mut State, trial: &TrialId) {
    hear(state, trial, None);
    if let Some(search) = &mut state.search {
        search.ending = None;
    }
}

fn hear(state: &mut State, trial: &TrialId, evidence: Option<SloEvidence>) {
    if let (Some(outline), Some(search)) = (&state.outline.search, &mut state.search) {
        search.hear(trial, evidence, &outline.search);
    }
}
