//! What a search found out: for `report/summary.json`, and as a table.

mod table;
#[cfg(test)]
mod tests;

use hpcbench_core::TrialId;
use hpcbench_stats::search::{Ending, Judged, Level, Outcome, Purpose};
use serde::Serialize;

use crate::run::RunView;

pub(crate) use table::push;

/// What a search found out, as `report/summary.json` has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchReport<'a> {
    /// The parameter's path in the recipe.
    pub parameter: &'static str,
    /// The lowest level.
    pub from: Level,
    /// The highest level.
    pub to: Level,
    /// Trials at most.
    pub max_trials: u32,
    /// Probability that one bound of a judgement is wrong.
    pub alpha: f64,
    /// What came of it; `null` as long as it goes on.
    pub outcome: Option<Outcome>,
    /// The highest level that keeps the objectives, confirmed; `null` where it is not known.
    pub answer: Option<Level>,
    /// The lowest level that fails; `null` where it is not known.
    pub boundary: Option<Level>,
    /// The highest level below the boundary that passed, confirmed or not.
    pub highest_pass: Option<Level>,
    /// What else there is to say of its end; `null` if nothing.
    pub reason: Option<&'a str>,
    /// The levels in the order in which they were tried, each with its repetitions.
    pub levels: Vec<LevelReport<'a>>,
}

/// A level that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelReport<'a> {
    /// The level.
    pub level: Level,
    /// Why it was tried.
    pub purpose: Purpose,
    /// Its trials: the first one and its repetitions.
    pub trials: Vec<&'a TrialId>,
    /// What they say together.
    #[serde(flatten)]
    pub judged: Judged,
}

impl<'a> SearchReport<'a> {
    /// What the run's search has found out so far; `None` if it is none.
    pub fn of(view: &'a RunView) -> Option<Self> {
        let plan = view.plan.search.as_ref()?;
        let search = &view.state.outline.search.as_ref()?.search;
        let state = view.state.search.as_ref()?;
        let mut ids = state.trials.iter().map(|trial| &trial.id);
        let levels = state.rounds(search).into_iter().map(|round| LevelReport {
            level: round.level,
            purpose: round.purpose,
            trials: ids.by_ref().take(round.trials).collect(),
            judged: round.judged,
        });
        let levels = levels.collect();
        let ending = state.ending.as_ref();
        let level = |of: fn(&Ending) -> Option<Level>| ending.and_then(of);
        Some(Self {
            parameter: plan.parameter.path(),
            from: search.from,
            to: search.to,
            max_trials: search.max_trials,
            alpha: search.alpha,
            outcome: ending.map(|ending| ending.outcome),
            answer: level(|ending| ending.answer),
            boundary: level(|ending| ending.boundary),
            highest_pass: level(|ending| ending.highest_pass),
            reason: ending.and_then(|ending| ending.reason.as_deref()),
            levels,
        })
    }
}

/// What came of a search, in a sentence; `name` is what levels are called.
pub(crate) fn in_words(ending: &Ending, name: &str) -> String {
    let level = |level: Option<Level>| level.map_or_else(|| "-".to_owned(), |level| level.to_string());
    let (answer, boundary) = (level(ending.answer), level(ending.boundary));
    let at_least = match ending.highest_pass {
        Some(highest) => format!("{name} {highest} passed"),
        None => "no level passed".to_owned(),
    };
    let words = match ending.outcome {
        Outcome::Found => format!("found: {name} {answer} keeps the objectives, {boundary} does not"),
        Outcome::AllPass => {
            format!("all_pass: {name} {answer} keeps the objectives, the highest level of the search")
        }
        Outcome::NonePasses => {
            format!(
                "none_passes: not even {name} {boundary} keeps the objectives, the lowest level of the search"
            )
        }
        Outcome::NonMonotone => format!(
            "non_monotone: {name} {boundary} fails, but a level above it passes; below it, {}",
            match ending.answer {
                Some(answer) => format!("{answer} keeps the objectives"),
                None => "none does".to_owned(),
            }
        ),
        Outcome::Undecided => format!("undecided: {at_least}, but there is no answer"),
        Outcome::ClientLimit => {
            format!("client_limit: {at_least}, and the next level could not be measured")
        }
    };
    match &ending.reason {
        Some(reason) => format!("{words}: {reason}"),
        None => words,
    }
}
