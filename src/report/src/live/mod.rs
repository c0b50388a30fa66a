//! Events as they happen, a line each.

mod audit;
mod job;
mod trial;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hpcbench_core::TrialId;
use hpcbench_core::event::{Body, Event, RunCompleted, RunCreated};
use hpcbench_recipes::Plan;

pub(crate) use audit::asker;
use job::{afterwards, job_started};
pub(crate) use trial::outcome;

use crate::words::{ParameterNames, after_readiness, count, one_line, seconds};

/// Tells events to people, with what the plan says of the trials, and a search of those that it has planned. Holds no other
/// state: the same event always gives the same line, whether it has just happened or is read from a log.
#[derive(Debug, Clone)]
pub struct EventLines {
    trials: BTreeMap<TrialId, Label>,
    /// Names for the parameters of a search, if the run is one.
    searched: Option<ParameterNames>,
}

/// How many trials a run has; a search finds out.
pub(crate) fn trials_of(created: &RunCreated) -> String {
    match created.trials {
        0 => "a search".to_owned(),
        trials => count(trials, "trial"),
    }
}

/// A trial as lines name it.
#[derive(Debug, Clone)]
struct Label {
    /// Its place in the plan, from 1.
    number: usize,
    /// Its parameters as `name=value`.
    parameters: String,
}

impl EventLines {
    /// Lines for the events of this plan's run.
    pub fn of(plan: &Plan) -> Self {
        let names = ParameterNames::of(plan);
        let label = |(index, trial)| Label {
            number: index + 1,
            parameters: names.pairs(trial).join(", "),
        };
        let ids = plan.trials.iter().map(|trial| trial.id.clone());
        Self {
            trials: ids.zip(plan.trials.iter().enumerate().map(label)).collect(),
            searched: plan.search.is_some().then_some(names),
        }
    }

    /// Remembers the trial that a search has planned by this event, so that later ones can tell more of it than its id.
    pub fn learn(&mut self, event: &Event) {
        let (Body::TrialPlanned(planned), Some(names)) = (&event.body, &self.searched) else {
            return;
        };
        let label = Label {
            number: self.trials.len() + 1,
            parameters: names.of_parameters(&planned.parameters).join(", "),
        };
        self.trials.entry(planned.trial.clone()).or_insert(label);
    }

    /// Whether a run that completed is a success.
    pub(crate) const fn success(&self, completed: &RunCompleted) -> &'static str {
        match (completed.exit_code, self.searched.is_some()) {
            (0, false) => "every trial is valid",
            (_, false) => "not every trial is valid",
            (0, true) => "the search has its answer",
            (_, true) => "the search has no answer",
        }
    }

    /// One line on the event, without time and line end; `None` for what only matters in an audit: requests that are
    /// answered in a moment, and bookkeeping. The text is free of control characters, whatever a service wrote.
    pub fn describe(&self, event: &Event) -> Option<String> {
        let line = match &event.body {
            Body::RunCreated(e) => format!("run {} ({}), {}", e.run, e.name, trials_of(e)),
            Body::EpochStarted(e) if e.epoch.0 > 1 => format!("epoch {} on {}", e.epoch, e.writer.host),
            Body::RunResumed(e) => format!("resumed by {} on {}", e.user, e.host),
            Body::PhaseEntered(e) => format!("phase {}", e.phase),
            Body::BusStarted(e) => format!("bus at {}", e.url),
            Body::BusExited(e) => format!("bus gone: {}", e.reason),
            Body::NodeJoined(e) => {
                let cpus = count(e.facts.cpus.into(), "CPU");
                let joined = format!("node {} joined: {}, {cpus}", e.node, e.facts.host);
                let scratch = e.facts.scratch.iter().flat_map(|scratch| &scratch.warnings);
                scratch.fold(joined, |line, warning| format!("{line}; scratch: {warning}"))
            }
            Body::NodeLost(e) => format!("node {} lost: {}", e.node, e.reason),
            Body::NodeGivenUp(e) => format!("the run goes on without node {}: {}", e.node, e.reason),
            Body::NodeSuspended(e) => format!("node {} stood still for {}", e.node, seconds(e.seconds)),
            Body::RunSuspended(e) => format!("the orchestrator stood still for {}", seconds(e.seconds)),
            Body::JobStarted(e) => job_started(e),
            Body::JobEnding(e) => format!("job ends: {}; {}", e.reason, afterwards(e.afterwards)),
            Body::RunPaused(e) => format!("run paused: {}; {}", e.reason, afterwards(e.afterwards)),
            Body::ServiceLaunched(e) if e.launch > 1 => {
                format!("service {} launched again, start {}", e.instance, e.launch)
            }
            Body::ServiceReady(e) => {
                let after = seconds(e.seconds);
                format!(
                    "service {} ready in {after} at {}{}",
                    e.instance,
                    e.endpoints.join(", "),
                    after_readiness(e)
                )
            }
            Body::FileSystemProbed(e) if !e.warnings.is_empty() => {
                format!("file system of {}: {}", e.path, e.warnings.join("; "))
            }
            Body::ServiceFailed(e) => format!("service {} failed: {}", e.instance, e.reason),
            Body::ServiceExited(e) if e.expected => format!("service {} stopped", e.instance),
            Body::ServiceExited(e) => format!("service {} ended unasked with {}", e.instance, e.in_words()),
            Body::ClientConnected(e) => {
                let endpoints = count(e.probes.len() as u64, "endpoint");
                format!("clients on {} reach {endpoints}", e.node)
            }
            Body::ClientFailed(e) => format!("clients on {} cannot reach the service: {}", e.node, e.reason),
            Body::CancelRequested(e) => {
                let how = if e.at_once {
                    "cancelled at once"
                } else {
                    "cancelled"
                };
                format!("{how} by {}: {}", asker(e), e.reason)
            }
            Body::CommandRejected(e) => format!("command {} rejected: {}", e.command, e.reason),
            Body::StateRebuilt(e) => format!(
                "the orchestrator went on with the log's state after a fault of its own, in {}: {}",
                e.during, e.reason
            ),
            Body::StateVerified(e) if !e.equal => {
                format!("the live state differs from the log's after event {}", e.through)
            }
            Body::RunCompleted(e) => format!("run completed, {}", self.success(e)),
            Body::RunFailed(e) => format!("run failed: {}", e.reason),
            Body::RunCancelled(e) => format!("run cancelled: {}", e.reason),
            Body::Unreadable(e) => format!("{} (not known to this version)", e.kind),
            body => self.describe_trial(body)?,
        };
        Some(one_line(&line))
    }
}
