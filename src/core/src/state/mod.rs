//! A run's state: what its events add up to.

mod deployment;
mod job;
mod nodes;
mod search;
mod trials;

use std::collections::BTreeMap;
use std::sync::Arc;

use hpcbench_recipes::recipe::OnNodeLoss;
use serde::Serialize;

pub use deployment::{Deployment, Instance, InstanceStatus};
pub use job::Job;
pub use nodes::{Client, Collection, Node, NodeStatus};
pub use search::{SearchState, SearchedTrial};
pub use trials::{AttemptState, AttemptStatus, Observation, Share, Trial, TrialStatus};

use crate::event::{Body, CancelRequested, JobEnding, RunPaused, StateVerified};
use crate::outline::TrialOutline;
use crate::{Epoch, NodeId, Outline, Phase, Role, RunId, Seq, Timestamp, TrialId, limits};

/// The program's exit code where its environment lacks something.
const LACKING: u8 = 3;

/// A run's state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    /// What is to be done; from the plan, not from events.
    #[serde(skip)]
    pub outline: Arc<Outline>,
    /// The run's id, once it exists.
    pub run: Option<RunId>,
    /// The writer's epoch.
    pub epoch: Epoch,
    /// The last event folded.
    pub seq: Seq,
    /// When that event happened.
    pub at: Option<Timestamp>,
    /// The current phase.
    pub phase: Option<Phase>,
    /// How the run ended, once it has.
    pub outcome: Option<Outcome>,
    /// Who wants it to end, if anybody does.
    pub cancel: Option<CancelRequested>,
    /// The batch job that it lives in, if it lives in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// Number of batch jobs that it has lived in, restarts included.
    #[serde(skip_serializing_if = "is_zero")]
    pub job_starts: u32,
    /// Why this epoch ends before its trials do, if it is to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<JobEnding>,
    /// Whether the run was left to a job that this epoch has asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub left_to_job: bool,
    /// How this epoch ended before its trials did, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<RunPaused>,
    /// Whether other nodes may miss a new file of the run directory for a while.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lookups_cached: bool,
    /// The message bus.
    pub bus: Bus,
    /// The nodes seen so far.
    pub nodes: BTreeMap<NodeId, Node>,
    /// The service in place.
    pub deployment: Option<Deployment>,
    /// The trials seen so far.
    pub trials: BTreeMap<TrialId, Trial>,
    /// How the search stands, if the run is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchState>,
    /// Highest report counter taken from each boot.
    pub reports: BTreeMap<String, u64>,
    /// The comparison of the live state with the log, once made.
    pub verified: Option<StateVerified>,
    /// Events that did not fit.
    pub anomalies: Vec<Anomaly>,
    /// Number of events that did not fit.
    pub anomaly_count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Every trial was executed or has failed.
    Completed {
        /// The program's exit code.
        exit_code: u8,
    },
    /// It ended before its trials did.
    Failed {
        /// The program's exit code.
        exit_code: u8,
        /// What ended it.
        reason: String,
    },
    /// Somebody ended it.
    Cancelled {
        /// The program's exit code.
        exit_code: u8,
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// The program's exit code.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Completed { exit_code }
            | Self::Failed { exit_code, .. }
            | Self::Cancelled { exit_code, .. } => *exit_code,
        }
    }
}

/// The message bus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bus {
    /// Starts in this epoch.
    pub launches: u32,
    /// Losses in a row, failed starts among them.
    pub losses: u32,
    /// Whether it has answered in this epoch.
    pub answered: bool,
    /// How it stands.
    pub status: BusStatus,
}

impl Bus {
    /// So many losses in a row, and the run gives up.
    pub(crate) const fn most_losses(&self) -> u32 {
        if self.answered {
            limits::BUS_LOSSES
        } else {
            limits::BUS_FALSE_STARTS
        }
    }
}

/// How the bus stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum BusStatus {
    /// Not asked for yet.
    #[default]
    Absent,
    /// To be started.
    Requested {
        /// Since when.
        since: Timestamp,
    },
    /// It answers.
    Up {
        /// Its address.
        url: String,
        /// Since when.
        since: Timestamp,
    },
    /// It is gone.
    Down {
        /// Why.
        reason: String,
    },
}

/// An event that did not fit the state it met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anomaly {
    /// Which event.
    pub seq: Seq,
    /// Its type.
    pub kind: String,
    /// What did not fit.
    pub problem: String,
}

impl State {
    /// The state before the first event.
    pub fn new(outline: Arc<Outline>) -> Self {
        let search = outline
            .search
            .as_ref()
            .map(|outline| SearchState::new(&outline.search));
        Self {
            outline,
            run: None,
            epoch: Epoch(0),
            seq: Seq(0),
            at: None,
            phase: None,
            outcome: None,
            cancel: None,
            job: None,
            job_starts: 0,
            ending: None,
            left_to_job: false,
            paused: None,
            lookups_cached: false,
            bus: Bus::default(),
            nodes: BTreeMap::new(),
            deployment: None,
            trials: BTreeMap::new(),
            search,
            reports: BTreeMap::new(),
            verified: None,
            anomalies: Vec::new(),
            anomaly_count: 0,
        }
    }

    /// The attempt under way, with its trial's id.
    pub fn active(&self) -> Option<(&TrialId, &AttemptState)> {
        self.trials.iter().find_map(|(id, trial)| match &trial.status {
            TrialStatus::Running(attempt) => Some((id, attempt)),
            _ => None,
        })
    }

    /// The first trial of the plan that is neither executed nor failed; of a search, the one that it has planned.
    pub fn next_trial(&self) -> Option<&TrialOutline> {
        self.unsettled().next()
    }

    /// The service configuration of the trial under way, or of the next one.
    pub(crate) fn service_at_hand(&self) -> Option<usize> {
        let active = self.active().and_then(|(id, _)| self.trial_outline(id));
        active.or_else(|| self.next_trial()).map(|trial| trial.service)
    }

    /// The trials of the plan, or those planned by a search, that are neither executed nor failed, the one under way included.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = &TrialOutline> {
        let searched = self.search.iter().flat_map(|search| &search.trials);
        let trials = self
            .outline
            .trials
            .iter()
            .chain(searched.map(|trial| &trial.outline));
        trials.filter(|trial| !self.trials.get(&trial.id).is_some_and(Trial::is_settled))
    }

    /// Whether a node is still needed: some trial that is not settled uses it, or one that a search may need.
    pub(crate) fn needs(&self, node: &NodeId) -> bool {
        self.unsettled().any(|trial| self.outline.uses(trial, node))
            || self.is_searching() && self.outline.is_searched_with(node)
    }

    /// Whether a search goes on, which may need trials that are not planned yet.
    fn is_searching(&self) -> bool {
        self.search.as_ref().is_some_and(|search| search.ending.is_none())
    }

    /// Whether the attempt under way uses a node.
    pub(crate) fn is_in_use(&self, node: &NodeId) -> bool {
        let active = self.active().and_then(|(id, _)| self.trial_outline(id));
        active.is_some_and(|trial| self.outline.uses(trial, node))
    }

    /// Whether trials are left to do, or to be found out by a search.
    pub fn has_more(&self) -> bool {
        self.is_searching() || self.next_trial().is_some()
    }

    /// The trial of a search with this id.
    pub fn searched(&self, id: &TrialId) -> Option<&SearchedTrial> {
        let trials = self.search.iter().flat_map(|search| &search.trials);
        trials.into_iter().find(|trial| trial.id == *id)
    }

    /// What decisions about a trial depend on.
    pub fn trial_outline(&self, id: &TrialId) -> Option<&TrialOutline> {
        let planned = self.outline.trial(id);
        planned.or_else(|| self.searched(id).map(|trial| &trial.outline))
    }

    /// What makes it impossible to go on, with the program's exit code.
    pub fn failure(&self) -> Option<(u8, String)> {
        if let BusStatus::Down { reason } = &self.bus.status
            && self.bus.losses >= self.bus.most_losses()
        {
            let exit_code = if self.bus.answered { 1 } else { LACKING };
            return Some((exit_code, format!("the bus cannot be had: {reason}")));
        }
        let (id, node) = self.lost_for_good()?;
        let NodeStatus::Lost { reason, .. } = &node.status else {
            return None;
        };
        let exit_code = if node.is_unreached { LACKING } else { 1 };
        let reason = format!("node {id} was lost {} times, last: {reason}", node.losses);
        Some((exit_code, reason))
    }

    /// A node that was lost too often to be asked for again, and is still needed.
    pub(crate) fn lost_for_good(&self) -> Option<(&NodeId, &Node)> {
        let most = match self.outline.policy.on_node_loss {
            OnNodeLoss::Continue => limits::AGENT_LOSSES_TO_GIVE_UP,
            OnNodeLoss::Requeue | OnNodeLoss::Stop => limits::AGENT_LOSSES,
        };
        let is_lost = |node: &Node| matches!(node.status, NodeStatus::Lost { .. }) && node.losses >= most;
        self.nodes
            .iter()
            .find(|(id, node)| is_lost(node) && self.needs(id))
    }

    /// Whether the run goes on and only this agent, the boot `boot` of `node`, was cut off: others are there, and it counts as lost.
    pub fn goes_on_without(&self, node: &NodeId, boot: &str) -> bool {
        let knows_it = self.nodes.get(node).is_some_and(
            |known| matches!(&known.status, NodeStatus::Joined { boot: current, .. } if current == boot),
        );
        let others = || {
            self.nodes
                .iter()
                .any(|(id, known)| id != node && known.role != Role::Orchestrator && known.is_joined())
        };
        !knows_it && others()
    }

    /// Whether somebody or something wants this epoch to end.
    pub const fn is_leaving(&self) -> bool {
        self.cancel.is_some() || self.ending.is_some()
    }

    /// Whether there is no time for an end in order.
    pub fn ends_at_once(&self) -> bool {
        let cancelled = self.cancel.as_ref().is_some_and(|cancel| cancel.at_once);
        cancelled || self.ending.as_ref().is_some_and(|ending| ending.at_once)
    }

    /// Whether nothing more happens in this epoch.
    pub const fn is_over(&self) -> bool {
        self.outcome.is_some() || self.paused.is_some() || self.left_to_job
    }

    /// Nodes of the plan that the run goes on without.
    pub fn given_up(&self) -> impl Iterator<Item = &NodeId> {
        self.nodes
            .iter()
            .filter(|(_, node)| node.is_given_up())
            .map(|(id, _)| id)
    }

    /// Whether nothing but the end is left to do.
    pub fn is_ending(&self) -> bool {
        self.phase == Some(Phase::Teardown)
            || self.is_leaving()
            || self.failure().is_some()
            || (self.run.is_some() && !self.has_more())
    }

    /// Whether every trial of the plan was executed with a valid result; of a search, whether it has its answer.
    pub fn all_valid(&self) -> bool {
        if let Some(search) = &self.search {
            return search
                .ending
                .as_ref()
                .is_some_and(|ending| ending.outcome.is_answer());
        }
        self.outline
            .trials
            .iter()
            .all(|trial| self.trials.get(&trial.id).is_some_and(Trial::is_valid))
    }

    pub(crate) fn note(&mut self, seq: Seq, body: &Body, problem: impl Into<String>) {
        self.anomaly_count += 1;
        if self.anomalies.len() < limits::ANOMALIES {
            self.anomalies.push(Anomaly {
                seq,
                kind: body.kind().to_owned(),
                problem: problem.into(),
            });
        }
    }
}
