//! How a run stands.

mod list;
mod text;

#[cfg(test)]
mod tests;

use hpcbench_core::state::{Node, NodeStatus, Outcome as RunOutcome, TrialStatus};
use hpcbench_core::{Epoch, NodeId, Phase, Role, RunId, Timestamp};
use hpcbench_stats::search::Outcome;
use serde::Serialize;

pub use list::{ListEntry, list_table};

use crate::run::{RunView, TrialView};

/// How a run stands, as scripts read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The run's id; `null` before it was created.
    pub run: Option<RunId>,
    /// How it stands.
    pub state: RunState,
    /// The phase that it is in, or was in last.
    pub phase: Option<Phase>,
    /// The latest epoch; 0 before the first.
    pub epoch: Epoch,
    /// The batch system's id of its job; `null` for a run without one.
    pub job: Option<String>,
    /// What the batch system says about that job, in words; left out where it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_state: Option<String>,
    /// How many trials stand how.
    pub trials: TrialCounts,
    /// How the search stands; left out where the run is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchProgress>,
    /// The plan's nodes.
    pub nodes: Vec<NodeLine>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Planned, or left to a job that has not started yet.
    Submitted,
    /// On its way to the first trial.
    Starting,
    /// Trials run.
    Running,
    /// Not ended, and nobody goes on with it.
    Interrupted,
    /// Ended: every trial was executed or has failed.
    Completed,
    /// Ended before its trials did.
    Failed,
    /// Ended because somebody wanted it to.
    Cancelled,
}

/// Whether the process that writes a run's log lives. A log alone cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterLife {
    /// It does.
    Alive,
    /// It is proven not to.
    Gone,
    /// It is, or was, on another host.
    Unknown,
}

/// A run's job, as the batch system knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// The batch system's id; none if only the key is known that it was asked for with.
    pub id: Option<String>,
    /// What it does, or why it waits, in words.
    pub words: String,
    /// How that bears on the run.
    pub life: JobLife,
}

/// Whether a job is still to be counted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobLife {
    /// It waits in the queue.
    Waits,
    /// It has its nodes, or it is not known that it has not.
    MayRun,
    /// It has ended.
    Over,
}

/// How many trials stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TrialCounts {
    /// In the plan; of a search, planned so far.
    pub total: usize,
    /// Executed to their end, whatever the verdict.
    pub completed: usize,
    /// Failed for good.
    pub failed: usize,
    /// Under way.
    pub running: usize,
    /// Still to be done; an interrupted trial is one of them.
    pub pending: usize,
}

/// How a search stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SearchProgress {
    /// Trials at most; the run's total is that of those planned so far.
    pub max_trials: u32,
    /// What came of it; `null` as long as it goes on.
    pub outcome: Option<Outcome>,
}

/// A node of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeLine {
    /// Which.
    pub node: NodeId,
    /// What it is for.
    pub role: Role,
    /// `planned`, `requested`, `joined`, `lost`, `given_up`, `left`.
    pub state: &'static str,
    /// When it was last heard of; `null` where only the log is known, which holds no heartbeats.
    pub last_heartbeat: Option<Timestamp>,
}

impl RunState {
    /// How the run stands; `writer` is the one of the latest epoch.
    pub fn of(view: &RunView, writer: WriterLife) -> Self {
        match &view.state.outcome {
            Some(RunOutcome::Completed { .. }) => Self::Completed,
            Some(RunOutcome::Failed { .. }) => Self::Failed,
            Some(RunOutcome::Cancelled { .. }) => Self::Cancelled,
            None if view.epochs.is_empty() || view.state.left_to_job => Self::Submitted,
            None if view.state.paused.is_some() => Self::Interrupted,
            None if writer == WriterLife::Gone => Self::Interrupted,
            None if view.state.trials.is_empty() => Self::Starting,
            None => Self::Running,
        }
    }

    /// The state's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The same for a run with a job: the log of a run whose job waits, or was killed with everything, does not say so.
    #[must_use]
    pub const fn with(self, job: &JobView) -> Self {
        match (self, job.life) {
            (Self::Completed | Self::Failed | Self::Cancelled, _) | (_, JobLife::MayRun) => self,
            (_, JobLife::Waits) => Self::Submitted,
            (_, JobLife::Over) => Self::Interrupted,
        }
    }

    /// Whether somebody is at work on the run, as far as is known.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }
}

impl SearchProgress {
    fn of(view: &RunView) -> Option<Self> {
        let ending = view.state.search.as_ref()?.ending.as_ref();
        Some(Self {
            max_trials: view.plan.search.as_ref()?.max_trials.get(),
            outcome: ending.map(|ending| ending.outcome),
        })
    }
}

impl TrialCounts {
    /// Counts a run's trials.
    pub fn of(view: &RunView) -> Self {
        let mut counts = Self::default();
        for TrialView { trial, .. } in view.trials() {
            counts.total += 1;
            let count = match trial.map(|trial| &trial.status) {
                Some(TrialStatus::Completed { .. }) => &mut counts.completed,
                Some(TrialStatus::Failed { .. }) => &mut counts.failed,
                Some(TrialStatus::Running(_)) => &mut counts.running,
                Some(TrialStatus::Interrupted { .. }) | None => &mut counts.pending,
            };
            *count += 1;
        }
        counts
    }

    /// Trials about which nothing more will be done.
    pub const fn settled(&self) -> usize {
        self.completed + self.failed
    }
}

impl Status {
    /// How the run stands; `writer` is the one of the latest epoch, `job` what the batch system says, where it was asked.
    pub fn of(view: &RunView, writer: WriterLife, job: Option<JobView>) -> Self {
        let state = RunState::of(view, writer);
        let state = job.as_ref().map_or(state, |job| state.with(job));
        let mut trials = TrialCounts::of(view);
        if !state.is_active() {
            // What nobody goes on with is not under way.
            trials.pending += std::mem::take(&mut trials.running);
        }
        let nodes = view.plan.nodes.iter().map(|planned| NodeLine {
            node: planned.node.clone(),
            role: planned.role,
            state: node_state(view.state.nodes.get(&planned.node)),
            last_heartbeat: None,
        });
        Self {
            run: view.state.run.clone(),
            state,
            phase: view.state.phase,
            epoch: view.state.epoch,
            job: job
                .as_ref()
                .and_then(|job| job.id.clone())
                .or_else(|| view.state.job.as_ref().map(|job| job.id.clone())),
            job_state: job.map(|job| job.words),
            trials,
            search: SearchProgress::of(view),
            nodes: nodes.collect(),
        }
    }
}

const fn node_state(node: Option<&Node>) -> &'static str {
    match node {
        None => "planned",
        Some(node) => match node.status {
            NodeStatus::Requested { .. } => "requested",
            NodeStatus::Joined { .. } => "joined",
            NodeStatus::Lost { .. } => "lost",
            NodeStatus::GivenUp { .. } => "given_up",
            NodeStatus::Left => "left",
        },
    }
}
