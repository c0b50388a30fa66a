//! What a run's events add up to, for reports.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hpcbench_core::event::{Body, Event, RunCreated, TrialFailed, TrialPlanned, Writer};
use hpcbench_core::{Attempt, Epoch, Outline, State, Timestamp, TrialId, evolve, upcast};
use hpcbench_journal::LineHash;
use hpcbench_recipes::plan::SearchPoint;
use hpcbench_recipes::{Plan, TrialPlan};
use hpcbench_stats::{TrialSummary, VerdictStatus};

use super::history::history;
use super::plan_file::{plan_path, read_plan};
use super::{ReportError, ServiceStart, Until};

/// A run as far as its history was looked at. It holds the state and each trial's result, but no events.
#[derive(Debug, Clone)]
pub struct RunView {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// What the events add up to.
    pub state: State,
    /// How the run was created; none before that.
    pub created: Option<RunCreated>,
    /// The writers' lives, in order.
    pub epochs: Vec<EpochView>,
    /// The job that was asked for last; none for a run that was never left to one.
    pub requested: Option<RequestedJob>,
    /// Hash of the event that ended the run; none before that.
    pub chain_head: Option<LineHash>,
    /// When the first event happened.
    pub started: Option<Timestamp>,
    /// The starts of services that became ready, in order.
    pub starts: Vec<ServiceStart>,
    /// What became of the settled trials.
    results: BTreeMap<TrialId, Settled>,
    /// The trials that a search has planned, in their order.
    searched: Vec<TrialPlan>,
}

/// One writer's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochView {
    /// Its number.
    pub epoch: Epoch,
    /// When it began.
    pub started: Timestamp,
    /// Who wrote.
    pub writer: Writer,
}

/// A job that was asked for. Whether there is one, and its number, only the batch system knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedJob {
    /// The key by which it is found.
    pub key: String,
    /// When: shortly before the batch system was asked.
    pub at: Timestamp,
}

/// What became of a trial about which nothing more will be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The attempt that settled it.
    pub attempt: Attempt,
    /// The numbers and the verdict; of a failed trial what was measured until then, with the verdict `invalid`.
    pub summary: Box<TrialSummary>,
    /// The service's last log lines, where the trial failed.
    pub log_tail: Vec<String>,
    /// Whether the trial failed.
    failed: bool,
}

/// A trial of the plan and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct TrialView<'a> {
    /// The trial.
    pub plan: &'a TrialPlan,
    /// How it stands; none if it was never attempted.
    pub trial: Option<&'a hpcbench_core::state::Trial>,
    /// Its result, once it is settled.
    pub settled: Option<&'a Settled>,
}

impl RunView {
    /// The run before its first event.
    pub fn new(plan: Plan) -> Self {
        let outline = Arc::new(Outline::of(&plan));
        Self {
            plan: Arc::new(plan),
            state: State::new(outline),
            created: None,
            epochs: Vec::new(),
            requested: None,
            chain_head: None,
            started: None,
            starts: Vec::new(),
            results: BTreeMap::new(),
            searched: Vec::new(),
        }
    }

    /// The run in `run_dir`, as far as it has come.
    ///
    /// # Errors
    ///
    /// There is no run, its log is damaged, or its plan is not the one that it was created with.
    pub fn load(run_dir: &Path) -> Result<Self, ReportError> {
        Self::load_until(run_dir, Until::End)
    }

    /// The run in `run_dir`, as it was then.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn load_until(run_dir: &Path, until: Until) -> Result<Self, ReportError> {
        let mut view = Self::new(read_plan(run_dir)?);
        for entry in history(run_dir, until)? {
            let entry = entry?;
            let event = upcast(entry.event);
            if let Body::RunCreated(created) = &event.body
                && created.plan != view.plan.hash
            {
                return Err(ReportError::OtherPlan {
                    path: plan_path(run_dir),
                    found: view.plan.hash.clone(),
                    expected: created.plan.clone(),
                });
            }
            view.take(&event, entry.hash);
        }
        Ok(view)
    }

    /// Takes the next event into account; `hash` is that of its line.
    pub fn take(&mut self, event: &Event, hash: LineHash) {
        self.started.get_or_insert(event.at);
        match &event.body {
            Body::RunCreated(created) => self.created = Some(created.clone()),
            Body::EpochStarted(started) => self.epochs.push(EpochView {
                epoch: started.epoch,
                started: event.at,
                writer: started.writer.clone(),
            }),
            Body::JobRequested(requested) => {
                self.requested = Some(RequestedJob {
                    key: requested.key.clone(),
                    at: event.at,
                });
            }
            Body::RunResumed(resumed) => {
                self.chain_head = None;
                if resumed.retry_failed {
                    self.results.retain(|_, settled| !settled.failed);
                }
            }
            Body::ServiceReady(e) => self.starts.extend(ServiceStart::of(&self.state, e)),
            Body::TrialPlanned(e) => self.searched.extend(planned(&self.plan, e)),
            Body::TrialStarted(e) => drop(self.results.remove(&e.trial)),
            Body::TrialCompleted(e) => {
                let settled = Settled {
                    attempt: e.attempt,
                    summary: e.summary.clone(),
                    log_tail: Vec::new(),
                    failed: false,
                };
                self.results.insert(e.trial.clone(), settled);
            }
            Body::TrialFailed(e) => drop(self.results.insert(e.trial.clone(), Settled::failed(e))),
            Body::RunCompleted(_) | Body::RunFailed(_) | Body::RunCancelled(_) => {
                self.chain_head = Some(hash);
            }
            _ => {}
        }
        let before_first = State::new(Arc::clone(&self.state.outline));
        let state = std::mem::replace(&mut self.state, before_first);
        self.state = evolve(state, event);
    }

    /// The trials in the plan's order; of a search, those that it has planned so far.
    pub fn trials(&self) -> impl Iterator<Item = TrialView<'_>> {
        self.plan
            .trials
            .iter()
            .chain(&self.searched)
            .map(|plan| TrialView {
                plan,
                trial: self.state.trials.get(&plan.id),
                settled: self.results.get(&plan.id),
            })
    }

    /// Seconds from the first event to the last.
    pub fn seconds(&self) -> Option<f64> {
        Some(self.state.at?.seconds_since(self.started?))
    }
}

/// The trial that a search has planned.
fn planned(plan: &Plan, planned: &TrialPlanned) -> Option<TrialPlan> {
    let point = SearchPoint {
        level: planned.level.0,
        repetition: planned.repetition,
    };
    plan.trial(&planned.trial, Some(point))
}

impl Settled {
    fn failed(failed: &TrialFailed) -> Self {
        let mut summary = match &failed.summary {
            Some(summary) => summary.clone(),
            None => Box::new(TrialSummary::without_data(failed.reason.as_str())),
        };
        // Whatever was measured before it failed is no result.
        summary.verdict.status = VerdictStatus::Invalid;
        let reasons = &mut summary.verdict.reasons;
        if !reasons.contains(&failed.reason) {
            reasons.insert(0, failed.reason.clone());
        }
        Self {
            attempt: failed.attempt,
            summary,
            log_tail: failed.log_tail.clone(),
            failed: true,
        }
    }
}
