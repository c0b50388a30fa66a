//! A run as a person reads it: a line per event.

use hpcbench_core::event::{Afterwards, Body, Event, StopCause};

/// The event's type and what matters of its data.
pub(crate) fn line(event: &Event) -> String {
    let kind = event.body.kind();
    let details = details(&event.body);
    if details.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind} {details}")
    }
}

fn details(body: &Body) -> String {
    match body {
        Body::EpochStarted(e) => e.epoch.to_string(),
        Body::PhaseEntered(e) => e.phase.to_string(),
        Body::BusRequested(e) => format!("#{}", e.launch),
        Body::BusExited(e) => e.reason.clone(),
        Body::AgentRequested(e) => format!("{} #{}", e.node, e.launch),
        Body::NodeJoined(e) => e.node.to_string(),
        Body::NodeLost(e) => format!("{}: {}", e.node, e.reason),
        Body::NodeLeft(e) => e.node.to_string(),
        Body::CollectionRequested(e) => e.node.to_string(),
        Body::CollectionStarted(e) => e.node.to_string(),
        Body::CollectionStopRequested(e) => e.node.to_string(),
        Body::CollectionStopped(e) => e.node.to_string(),
        Body::ServiceRequested(e) => format!("{} #{} of service {}", e.instance, e.launch, e.service),
        Body::ServiceLaunched(e) => format!("{} #{}", e.instance, e.launch),
        Body::ServiceReady(e) => format!("{} #{}", e.instance, e.launch),
        Body::ServiceFailed(e) => format!("{} #{}: {}", e.instance, e.launch, e.reason),
        Body::ServiceStopRequested(e) => format!("{} #{}", e.instance, e.launch),
        Body::ServiceExited(e) => format!("{} #{} with {}", e.instance, e.launch, e.how),
        Body::ClientRequested(e) => format!("{}, {} endpoints", e.node, e.endpoints.len()),
        Body::ClientConnected(e) => e.node.to_string(),
        Body::ClientFailed(e) => format!("{}: {}", e.node, e.reason),
        Body::NodeGivenUp(e) => format!("{}: {}", e.node, e.reason),
        Body::JobStarted(e) => e.job.clone(),
        Body::JobEnding(e) => format!("{} ({})", e.reason, afterwards(e.afterwards)),
        Body::RunPaused(e) => format!(
            "exit code {}: {} ({})",
            e.exit_code,
            e.reason,
            afterwards(e.afterwards)
        ),
        Body::CancelRequested(e) if e.at_once => "at once".to_owned(),
        Body::ArtifactRecorded(e) => e.path.clone(),
        Body::TrialPlanned(e) => format!("{} #{}, {:?}: {}", e.level, e.repetition, e.purpose, e.because),
        Body::SearchEnded(e) => format!("{:?}, answer {:?}", e.ending.outcome, e.ending.answer),
        Body::RunCompleted(e) => format!("exit code {}", e.exit_code),
        Body::RunFailed(e) => format!("exit code {}: {}", e.exit_code, e.reason),
        Body::RunCancelled(e) => format!("exit code {}: {}", e.exit_code, e.reason),
        _ => trial(body),
    }
}

fn afterwards(afterwards: Afterwards) -> &'static str {
    match afterwards {
        Afterwards::Wait => "wait",
        Afterwards::Requeue => "requeue",
        Afterwards::Resubmit => "resubmit",
    }
}

fn trial(body: &Body) -> String {
    // Trials are numbered in their ids.
    let name = |id: &hpcbench_core::TrialId, attempt| {
        let number = id.as_str().trim_end_matches("-r1").trim_start_matches('0');
        format!("{number}/{attempt}")
    };
    match body {
        Body::TrialStarted(e) => name(&e.trial, e.attempt),
        Body::TrialPrepared(e) => format!("{} {}", name(&e.trial, e.attempt), e.node),
        Body::LoadStarted(e) => name(&e.trial, e.attempt),
        Body::TrialStopRequested(e) => {
            let what = match e.cause {
                StopCause::Fault { .. } => "fault",
                StopCause::Interruption { .. } => "interruption",
            };
            format!("{} {what}: {}", name(&e.trial, e.attempt), e.cause.reason())
        }
        Body::ShareReported(e) => format!("{} {}", name(&e.trial, e.attempt), e.node),
        Body::ServiceObserved(e) => format!("{} {}", name(&e.trial, e.attempt), e.node),
        Body::TrialCompleted(e) => {
            format!(
                "{} {}",
                name(&e.trial, e.attempt),
                e.summary.verdict.status.as_str()
            )
        }
        Body::TrialFailed(e) => {
            format!("{}: {} {:?}", name(&e.trial, e.attempt), e.reason, e.log_tail)
        }
        Body::TrialInterrupted(e) => format!("{}: {}", name(&e.trial, e.attempt), e.reason),
        _ => String::new(),
    }
}
