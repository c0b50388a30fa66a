//! What a trial says about its level of load.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Load;
use crate::aggregate::{Counting, LimitCounts, TrialAggregate};
use crate::batches::BATCHES;
use crate::interval::{Counted, batches_are_long_enough};
use crate::verdict::{Facts, Verdict, VerdictStatus};
use crate::{Expectations, SloMetric, Start};

/// Numbers of batches that the window's can be joined to, where requests take too long for as many as there are. With
/// fewer than four, bounds say nothing.
const JOINED: [usize; 4] = [BATCHES, 10, 5, 4];

/// What a trial of a search says about its level of load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SloEvidence {
    /// Why the trial says nothing about the service; `None`: it may be judged.
    pub unusable: Option<String>,
    /// How the number of requests that are due and not finished developed.
    pub queue: QueueTrend,
    /// What broke the objectives, by their names.
    pub objectives: BTreeMap<String, Violations>,
}

/// How the number of requests that are due and not finished developed over the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueTrend {
    /// Without a trend; always so under a closed load.
    None,
    /// It rose or fell.
    Trend,
    /// The window is too short for the requests to tell.
    Unknown,
}

/// What broke an objective, batch by batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Violations {
    /// The share that may break it: what its percentile leaves.
    pub tolerated: f64,
    /// Whether the batches are long enough to be nearly independent of each other. Where they are not, bounds are too
    /// narrow: the level may be shown to fail, but not to pass.
    pub independent: bool,
    /// By batch: values, and those that broke it; empty where that cannot be known.
    pub batches: Vec<Counted>,
}

impl SloEvidence {
    /// Of a trial that says nothing, and why.
    pub fn unusable(reason: impl Into<String>) -> Self {
        Self {
            unusable: Some(reason.into()),
            queue: QueueTrend::Unknown,
            objectives: BTreeMap::new(),
        }
    }

    /// Of a trial that was one of a search; `None` for any other.
    pub(crate) fn of(aggregate: &TrialAggregate, expectations: &Expectations, facts: &Facts) -> Option<Self> {
        if expectations.searched_limits().is_empty() {
            return None;
        }
        let verdict = Verdict::of_a_searched_level(facts);
        let is_worthless = verdict.status >= VerdictStatus::ClientBound;
        let (joined, independent) = joined_batches(aggregate, expectations.load.start());
        let violations = aggregate.violations.limits().iter().map(|counts| {
            let violations = Violations {
                tolerated: 1.0 - counts.limit.quantile,
                independent,
                batches: if is_known(aggregate, counts) {
                    counts.batches.chunks(BATCHES / joined).map(together).collect()
                } else {
                    Vec::new()
                },
            };
            (counts.name(), violations)
        });
        Some(Self {
            unusable: is_worthless
                .then(|| format!("{}: {}", verdict.status.as_str(), verdict.reasons.join("; "))),
            queue: match expectations.load {
                Load::Closed { .. } => QueueTrend::None,
                Load::Open => facts.queue_trend(),
            },
            objectives: violations.collect(),
        })
    }
}

/// Whether what is counted can be known of the trial.
fn is_known(aggregate: &TrialAggregate, counts: &LimitCounts) -> bool {
    match (counts.limit.metric, counts.what) {
        (SloMetric::Tpot, _) => !aggregate.tokens.sources_are_mixed(),
        (SloMetric::Itl, Counting::Values) => aggregate.gap_quantile_is_resolved(counts.limit.quantile),
        _ => true,
    }
}

/// How many batches to make of the window's, and whether they are long enough for the requests.
fn joined_batches(aggregate: &TrialAggregate, start: Start) -> (usize, bool) {
    let durations = match start {
        Start::Sent => &aggregate.metrics.e2e,
        Start::Intended => &aggregate.metrics.e2e_sched,
    };
    let known = aggregate.shortest_window_ns().zip(durations.mean());
    let fitting = known.and_then(|(window, mean)| {
        let mut numbers = JOINED.into_iter();
        numbers.find(|&batches| batches_are_long_enough(window, batches, mean))
    });
    fitting.map_or((4, false), |batches| (batches, true))
}

fn together(batches: &[Counted]) -> Counted {
    let mut all = Counted::default();
    for batch in batches {
        all.merge(batch);
    }
    all
}
