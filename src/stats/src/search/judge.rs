//! Whether a level of load keeps the objectives.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::evidence::{QueueTrend, SloEvidence};
use crate::interval::{ShareBounds, of_share};

/// What the trials of a level say together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Whether the level keeps the objectives.
    pub judgement: Judgement,
    /// Why not, where it does not follow from the bounds; `None` otherwise.
    pub because: Option<String>,
    /// By objective: the share that may break it, the share that did, and its bounds. An objective without data is not
    /// among them.
    pub objectives: BTreeMap<String, JudgedObjective>,
}

/// One objective of a level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct JudgedObjective {
    /// The share that may break it.
    pub tolerated: f64,
    /// The share that did.
    #[serde(flatten)]
    pub bounds: ShareBounds,
}

/// Whether a level keeps the objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It does.
    Passes,
    /// It does not.
    Fails,
    /// The data does not say.
    Unclear,
    /// It did not say even after as many repetitions as there may be: counts as a failure.
    Undecided,
    /// The last trial says nothing about the service.
    Unusable,
}

impl Judgement {
    /// The judgement's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Fails => "fails",
            Self::Unclear => "unclear",
            Self::Undecided => "undecided",
            Self::Unusable => "unusable",
        }
    }

    /// Whether it counts as a failure.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Fails | Self::Undecided)
    }
}

/// Judges a level by its trials, each bound wrong with a probability of at most `alpha`.
pub(super) fn judge(trials: &[&SloEvidence], alpha: f64) -> Judged {
    if let Some(reason) = trials.last().and_then(|last| last.unusable.clone()) {
        return Judged {
            judgement: Judgement::Unusable,
            because: Some(reason),
            objectives: BTreeMap::new(),
        };
    }
    let usable: Vec<&SloEvidence> = trials
        .iter()
        .copied()
        .filter(|trial| trial.unusable.is_none())
        .collect();
    let names: BTreeSet<&String> = usable.iter().flat_map(|trial| trial.objectives.keys()).collect();
    let mut objectives = BTreeMap::new();
    let (mut all_pass, mut one_fails) = (!names.is_empty(), false);
    for name in names {
        let Some((judged, independent)) = pooled(&usable, name, alpha) else {
            all_pass = false;
            continue;
        };
        all_pass &= independent && judged.bounds.upper <= judged.tolerated;
        one_fails |= judged.bounds.lower > judged.tolerated;
        objectives.insert(name.clone(), judged);
    }
    let queue = usable.last().map_or(QueueTrend::Unknown, |last| last.queue);
    let (judgement, because) = match (one_fails, all_pass, queue) {
        (true, ..) => (Judgement::Fails, None),
        (false, true, QueueTrend::None) => (Judgement::Passes, None),
        (false, true, QueueTrend::Trend) => (Judgement::Unclear, Some("the queue has a trend")),
        (false, true, QueueTrend::Unknown) => {
            let because = "the window is too short to tell whether the queue has a trend";
            (Judgement::Unclear, Some(because))
        }
        (false, false, _) => (Judgement::Unclear, None),
    };
    Judged {
        judgement,
        because: because.map(str::to_owned),
        objectives,
    }
}

/// An objective over all trials of a level, and whether all of their batches are long enough.
fn pooled(trials: &[&SloEvidence], name: &str, alpha: f64) -> Option<(JudgedObjective, bool)> {
    let all: Vec<_> = trials
        .iter()
        .filter_map(|trial| trial.objectives.get(name))
        .collect();
    let batches: Vec<_> = all
        .iter()
        .flat_map(|violations| violations.batches.iter().copied())
        .collect();
    let judged = JudgedObjective {
        tolerated: all.first()?.tolerated,
        bounds: of_share(&batches, alpha)?,
    };
    Some((judged, all.iter().all(|violations| violations.independent)))
}
