//! A search: trials that come into being while the run goes on.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{TrialPlan, WorkloadPlan};
use crate::canonical::{point_digits, trial_id, trial_seed};
use crate::recipe::{Load, SearchedParameter};
use crate::sweep::number;
use crate::units::Rate;

/// Probability that any judgement of a search is wrong.
const ERROR: f64 = 0.05;

/// The probability that one judgement of a search with so many trials may be wrong with.
pub(crate) fn search_alpha(max_trials: NonZeroU32) -> f64 {
    ERROR / f64::from(max_trials.get())
}

/// A search for the highest load that keeps the objectives: what its trials have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchPlan {
    /// What is varied.
    pub parameter: SearchedParameter,
    /// The lowest level, which is tried first.
    pub from: f64,
    /// The highest level.
    pub to: f64,
    /// Trials at most, repetitions among them.
    pub max_trials: NonZeroU32,
    /// Index into [`Plan::services`](super::Plan::services).
    pub service: usize,
    /// The load at the lowest level, fully explicit.
    pub workload: WorkloadPlan,
}

/// A trial of a search: its level, and how many trials that level has had with it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SearchPoint {
    /// The level.
    pub level: f64,
    /// The repetition, from 1.
    pub repetition: u32,
}

impl SearchPlan {
    /// The probability that one judgement may be wrong with.
    pub fn alpha(&self) -> f64 {
        search_alpha(self.max_trials)
    }

    /// The trial at a point, as a sweep would have it; `seed` is the plan's. None at what is no level of this load.
    pub fn trial(&self, point: SearchPoint, seed: u64) -> Option<TrialPlan> {
        let parameters = Map::from_iter([(self.parameter.path().to_owned(), number(point.level))]);
        let id = trial_id(&point_digits(&parameters), point.repetition);
        let mut workload = self.workload.clone();
        set(&mut workload.load, self.parameter, point.level)?;
        Some(TrialPlan {
            seed: trial_seed(seed, &id),
            id,
            parameters,
            repetition: point.repetition,
            service: self.service,
            client_nodes: None,
            workload,
        })
    }
}

/// Sets a load's level.
fn set(load: &mut Load, parameter: SearchedParameter, level: f64) -> Option<()> {
    match (parameter, load) {
        (SearchedParameter::Concurrency, Load::Closed { concurrency, .. }) => {
            let clients = level as u32;
            *concurrency = NonZeroU32::new(clients).filter(|_| f64::from(clients) >= level)?;
        }
        (
            SearchedParameter::Rate,
            Load::Constant { rate, .. } | Load::Poisson { rate, .. } | Load::Gamma { rate, .. },
        ) => *rate = Rate::try_from(level).ok()?,
        _ => return None,
    }
    Some(())
}
