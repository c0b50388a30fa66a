//! Lines on events that only matter in an audit.

use hpcbench_core::event::{Body, CancelRequested, Event};

use super::EventLines;
use crate::words::{bytes, count, one_line, shell_words};

impl EventLines {
    /// One line on the event, whatever it is, without time and line end.
    pub fn tell(&self, event: &Event) -> String {
        self.describe(event)
            .unwrap_or_else(|| one_line(&self.bookkeeping(&event.body)))
    }

    /// What [`Self::describe`] leaves out.
    fn bookkeeping(&self, body: &Body) -> String {
        match body {
            Body::EpochStarted(e) => format!("epoch {} on {}", e.epoch, e.writer.host),
            Body::FileSystemProbed(e) => format!(
                "files are on {}, where a sync takes {:.1} ms (p99 {:.1} ms)",
                e.kind,
                e.sync_p50_seconds * 1e3,
                e.sync_p99_seconds * 1e3
            ),
            Body::JobRequested(e) => format!("a job is to be submitted: {}", shell_words(&e.command)),
            Body::BusRequested(e) => format!("a bus is wanted, start {}", e.launch),
            Body::AgentRequested(e) => format!("an agent is wanted on {}, start {}", e.node, e.launch),
            Body::NodeLeft(e) => format!("node {} left", e.node),
            Body::CollectionRequested(e) => format!("logs of {} are to be collected", e.node),
            Body::CollectionStarted(e) => {
                format!("logs of {} are collected: {}", e.node, e.categories.join(", "))
            }
            Body::CollectionStopRequested(e) => format!("logs of {} are to be finished", e.node),
            Body::CollectionStopped(e) => format!("logs of {} have {}", e.node, count(e.lines, "line")),
            Body::ServiceRequested(e) => {
                format!(
                    "service {} is wanted on {}, start {}",
                    e.instance, e.node, e.launch
                )
            }
            Body::ServiceLaunched(e) => match e.pid {
                Some(pid) => format!(
                    "service {} launched, process {pid}: {}",
                    e.instance,
                    shell_words(&e.command)
                ),
                None => format!("service {} runs already", e.instance),
            },
            Body::ServiceStopRequested(e) => format!("service {} is to be stopped", e.instance),
            Body::ClientRequested(e) => {
                let endpoints = count(e.endpoints.len() as u64, "endpoint");
                format!("clients on {} are to try {endpoints}", e.node)
            }
            Body::TrialPrepared(e) => format!("{} is prepared on {}", self.trial(&e.trial), e.node),
            Body::LoadStarted(e) => format!("load of {} begins, attempt {}", self.trial(&e.trial), e.attempt),
            Body::ShareReported(e) => format!("share of {} in {} is measured", e.node, self.trial(&e.trial)),
            Body::ServiceObserved(e) => {
                format!("services on {} were observed in {}", e.node, self.trial(&e.trial))
            }
            Body::ArtifactRecorded(e) => format!("file {}, {}", e.path, bytes(e.bytes)),
            Body::StateVerified(e) => {
                format!("the live state is that of the log after event {}", e.through)
            }
            other => other.kind().to_owned(),
        }
    }
}

/// Who asked to cancel the run, as far as that is known, and by what.
pub(crate) fn asker(e: &CancelRequested) -> String {
    match (&e.user, &e.host) {
        (Some(user), Some(host)) => format!("{user} on {host}, by {}", e.source),
        (Some(who), None) | (None, Some(who)) => format!("{who}, by {}", e.source),
        (None, None) => e.source.clone(),
    }
}
