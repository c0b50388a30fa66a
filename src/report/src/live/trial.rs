//! Lines on trials.

use hpcbench_core::TrialId;
use hpcbench_core::event::Body;
use hpcbench_stats::TrialSummary;

use super::EventLines;
use crate::search;
use crate::words::{ParameterNames, count, milliseconds};

impl EventLines {
    pub(super) fn describe_trial(&self, body: &Body) -> Option<String> {
        let line = match body {
            Body::TrialPlanned(e) => {
                let planned = self.place_and_parameters(&e.trial);
                format!("trial {planned} planned: {}", e.because)
            }
            Body::SearchEnded(e) => format!("search {}", search::in_words(&e.ending, self.searched_name())),
            Body::TrialStarted(e) => {
                format!(
                    "trial {} started, attempt {}",
                    self.place_and_parameters(&e.trial),
                    e.attempt
                )
            }
            Body::TrialStopRequested(e) => {
                format!("{} is being stopped: {}", self.trial(&e.trial), e.cause.reason())
            }
            Body::ShareReported(e) => {
                let problem = e.problem.as_ref()?;
                format!("{}: client {}: {problem}", self.trial(&e.trial), e.node)
            }
            Body::TrialCompleted(e) => {
                format!("{} completed: {}", self.trial(&e.trial), outcome(&e.summary))
            }
            Body::TrialFailed(e) => format!("{} failed: {}", self.trial(&e.trial), e.reason),
            Body::TrialInterrupted(e) => {
                let trial = self.trial(&e.trial);
                format!("{trial} interrupted in attempt {}: {}", e.attempt, e.reason)
            }
            _ => return None,
        };
        Some(line)
    }

    /// What the searched parameter is called.
    fn searched_name(&self) -> &str {
        let names = self.searched.iter().flat_map(ParameterNames::iter);
        names.last().map_or("level", |(_, name)| name)
    }

    pub(super) fn trial(&self, id: &TrialId) -> String {
        format!("trial {}", self.place(id))
    }

    /// `2/3 0f3a…-r1`: the place in the plan and the id.
    fn place(&self, id: &TrialId) -> String {
        match self.trials.get(id) {
            // How many trials a search has is not known before its end.
            Some(label) if self.searched.is_some() => format!("{} {id}", label.number),
            Some(label) => format!("{}/{} {id}", label.number, self.trials.len()),
            None => id.to_string(),
        }
    }

    /// The same with the trial's parameters.
    pub(crate) fn place_and_parameters(&self, id: &TrialId) -> String {
        let place = self.place(id);
        match self.trials.get(id) {
            Some(label) if !label.parameters.is_empty() => format!("{place} ({})", label.parameters),
            _ => place,
        }
    }
}

/// Verdict, number of requests and the slow end of the first tokens; without tokens in a stream, of the whole request.
pub(crate) fn outcome(summary: &TrialSummary) -> String {
    let requests = &summary.requests;
    let mut parts = vec![
        summary.verdict.status.as_str().to_owned(),
        count(requests.issued, "request"),
    ];
    let failed = requests.error + requests.timeout;
    if failed > 0 {
        parts.push(format!("{failed} of them failed"));
    }
    let metrics = &summary.metrics;
    let slow = [("TTFT", metrics.ttft.p99), ("E2E", metrics.e2e.p99)]
        .into_iter()
        .find_map(|(name, p99)| Some((name, p99?)));
    if let Some((name, p99)) = slow {
        parts.push(format!("{name} p99 {} ms", milliseconds(p99)));
    }
    parts.join(", ")
}
