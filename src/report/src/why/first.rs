//! What a first cause was, in words.

use hpcbench_core::event::{Body, Event};

use crate::live::asker;
use crate::words::shell_words;

/// What made an event happen that no other event led to.
pub(super) fn first_cause(event: &Event) -> String {
    match &event.body {
        Body::RunCreated(e) => {
            format!(
                "a command of {} on {}: {}",
                e.user,
                e.host,
                shell_words(&e.command_line)
            )
        }
        Body::RunResumed(e) => {
            format!(
                "a command of {} on {}: {}",
                e.user,
                e.host,
                shell_words(&e.command_line)
            )
        }
        Body::EpochStarted(e) => format!(
            "hpcbench was started by {} on {}, process {}",
            e.writer.user, e.writer.host, e.writer.pid
        ),
        Body::CancelRequested(e) if !e.command_line.is_empty() => format!(
            "a request from outside, by {}: {}",
            asker(e),
            shell_words(&e.command_line)
        ),
        Body::CancelRequested(e) => format!("a request from outside, by {}", asker(e)),
        Body::JobRequested(_) => "a command that leaves the run to a batch job".to_owned(),
        Body::JobStarted(e) => format!("the run found itself in job {} of the batch system", e.job),
        Body::JobEnding(e) => format!("the end of its job: {}", e.reason),
        Body::BusStarted(_) => "nats-server answered".to_owned(),
        Body::BusExited(_) => "the process of nats-server ended, or did not start".to_owned(),
        Body::NodeLost(_) => "silence of the node, or the end of its agent's process".to_owned(),
        Body::NodeLeft(_) => "the end of the agent's process".to_owned(),
        Body::TrialCompleted(_) => "the clients' shares were put together".to_owned(),
        Body::CommandRejected(_) => "a command that failed twice".to_owned(),
        Body::StateRebuilt(e) => format!("a fault of hpcbench itself, in {}", e.during),
        Body::FileSystemProbed(_) => "the file system was tried before the run went on".to_owned(),
        Body::StateVerified(_) => "the orchestrator compared its state with the log".to_owned(),
        _ if event.report.is_some() => {
            let node = event.node.as_ref().map(|node| format!(" on {node}"));
            format!("a report of {}{}", event.actor, node.unwrap_or_default())
        }
        _ => "time passed, or the orchestrator saw it by itself".to_owned(),
    }
}
