//! The next trial of a search, or its end.

use hpcbench_recipes::plan::SearchPoint;
use hpcbench_stats::search::{Ending, JudgedObjective, Judgement, Level, Next, Outcome, Purpose, Round};

use crate::event::{Body, SearchEnded, TrialPlanned};
use crate::outline::SearchOutline;
use crate::state::{SearchState, State};

/// What a search decides, once all of its trials are settled; nothing where there is none, or where it has ended.
pub(super) fn next(state: &State) -> Option<Body> {
    let (outline, search) = state.outline.search.as_ref().zip(state.search.as_ref())?;
    if search.ending.is_some() {
        return None;
    }
    let body = match search.next.as_ref()? {
        Next::End(ending) => SearchEnded {
            ending: ending.clone(),
        }
        .into(),
        Next::Try { level, purpose } => match plan(outline, search, *level, *purpose) {
            Some(planned) => planned.into(),
            None => no_level(*level).into(),
        },
    };
    Some(body)
}

fn plan(
    outline: &SearchOutline,
    search: &SearchState,
    level: Level,
    purpose: Purpose,
) -> Option<TrialPlanned> {
    let before = search
        .trials
        .iter()
        .filter(|trial| Level(trial.point.level) == level);
    let point = SearchPoint {
        level: level.0,
        repetition: before.count() as u32 + 1,
    };
    let trial = outline.trial(point)?;
    let rounds = search.rounds(&outline.search);
    Some(TrialPlanned {
        trial: trial.id,
        parameters: trial.parameters,
        level,
        repetition: point.repetition,
        purpose,
        because: because(rounds.last(), purpose),
    })
}

/// The recipe's rules leave no such level.
fn no_level(level: Level) -> SearchEnded {
    SearchEnded {
        ending: Ending {
            outcome: Outcome::Undecided,
            answer: None,
            boundary: None,
            highest_pass: None,
            reason: Some(format!("{level} is no level of this load")),
        },
    }
}

/// What decided it, in words.
fn because(last: Option<&Round>, purpose: Purpose) -> String {
    let Some(last) = last else {
        return "the search begins with the lowest level".to_owned();
    };
    let said = format!("{} {}", last.level, said(last));
    match purpose {
        Purpose::Grow | Purpose::Bisect | Purpose::Repeat | Purpose::StepDown => said,
        Purpose::LookAbove => format!("{said}; does a level above it pass?"),
        Purpose::Confirm => format!("{said}; the answer has to be confirmed"),
    }
}

fn said(round: &Round) -> String {
    let judged = &round.judged;
    if let Some(because) = &judged.because {
        return format!("is {}: {because}", judged.judgement.as_str());
    }
    let verb = match judged.judgement {
        Judgement::Passes | Judgement::Fails => "",
        _ => "is ",
    };
    // The objective that comes closest to being broken, or is broken most.
    let excess = |objective: &JudgedObjective| objective.bounds.upper / objective.tolerated;
    let mut objectives: Vec<_> = judged.objectives.iter().collect();
    objectives.sort_by(|(_, a), (_, b)| excess(b).total_cmp(&excess(a)));
    let numbers = objectives.first().map(|(name, objective)| {
        format!(
            ": {} break {name}, between {} and {} for sure, and {} may",
            percent(objective.bounds.share),
            percent(objective.bounds.lower),
            percent(objective.bounds.upper),
            percent(objective.tolerated),
        )
    });
    format!(
        "{verb}{}{}",
        judged.judgement.as_str(),
        numbers.unwrap_or_default()
    )
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}
