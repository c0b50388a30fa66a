//! A search: the trials that it has found out to need, and what they say.

use hpcbench_recipes::plan::SearchPoint;
use hpcbench_stats::SloEvidence;
use hpcbench_stats::search::{Ending, Level, Next, Purpose, Round, Search, Tried};
use serde::Serialize;

use crate::TrialId;
use crate::outline::TrialOutline;

/// How a search stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SearchState {
    /// Its trials, in the order in which they were planned.
    pub trials: Vec<SearchedTrial>,
    /// How it ended, once it has.
    pub ending: Option<Ending>,
    /// What it does next, while none of its trials is to be executed; follows from what they say.
    #[serde(skip)]
    pub(crate) next: Option<Next>,
}

/// A trial of a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchedTrial {
    /// Its id.
    pub id: TrialId,
    /// Its level and repetition.
    pub point: SearchPoint,
    /// Why it was planned.
    pub purpose: Purpose,
    /// What it says, once it is settled.
    pub evidence: Option<SloEvidence>,
    /// What decisions depend on; from the plan, not from events.
    #[serde(skip)]
    pub(crate) outline: TrialOutline,
}

impl SearchState {
    /// A search that has not begun.
    pub(crate) fn new(search: &Search) -> Self {
        let mut state = Self::default();
        state.look_ahead(search);
        state
    }

    /// The first trial that is planned and not settled.
    pub fn pending(&self) -> Option<&SearchedTrial> {
        self.trials.iter().find(|trial| trial.evidence.is_none())
    }

    /// What is known so far.
    pub fn tried(&self) -> Vec<Tried<'_>> {
        let said = self.trials.iter().filter_map(|trial| {
            Some(Tried {
                level: Level(trial.point.level),
                purpose: trial.purpose,
                evidence: trial.evidence.as_ref()?,
            })
        });
        said.collect()
    }

    /// The levels tried so far, judged.
    pub fn rounds(&self, search: &Search) -> Vec<Round> {
        search.rounds(&self.tried())
    }

    /// Works out what is next. It takes some arithmetic, and is asked for at every step of the run.
    pub(crate) fn look_ahead(&mut self, search: &Search) {
        self.next = match self.pending() {
            Some(_) => None,
            None => Some(search.next(&self.tried())),
        };
    }

    /// Takes note of what a trial says; nothing if it is none of the search's.
    pub(crate) fn hear(&mut self, id: &TrialId, evidence: Option<SloEvidence>, search: &Search) {
        if let Some(trial) = self.trials.iter_mut().find(|trial| trial.id == *id) {
            trial.evidence = evidence;
            self.look_ahead(search);
        }
    }
}
