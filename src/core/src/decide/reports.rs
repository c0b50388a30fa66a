//! What agents report.

use super::attempts::stop_active;
use super::draft::{DraftRun, Origin};
use crate::event::{ServiceExited, ServiceFailed, ServiceObserved, ShareReported, StopCause};
use crate::message::{Report, ReportBody};
use crate::state::{InstanceStatus, NodeStatus, Observation, Share};
use crate::{Attempt, InstanceId, NodeId, TrialId};

pub(super) fn handle(run: &mut DraftRun<'_>, node: &NodeId, report: Report) -> Result<(), String> {
    let Report { id, epoch, body, .. } = report;
    if epoch < run.state().epoch {
        return Err(format!("it is a report of epoch {epoch}"));
    }
    if run
        .state()
        .reports
        .get(&id.boot)
        .is_some_and(|highest| id.counter <= *highest)
    {
        return Ok(());
    }
    check_sender(run, node, &id.boot, &body)?;
    check_subject(node, &body)?;
    let origin = Origin {
        actor: body.actor(),
        node: node.clone(),
        report: id,
    };
    match body {
        ReportBody::Joined(joined) => run.emit_from(&origin, joined),
        ReportBody::Suspended(suspended) => {
            let reason = format!(
                "suspended: node {node} stood still for {:.1} s",
                suspended.seconds
            );
            run.emit_from(&origin, suspended);
            // What was measured with it meanwhile is worth nothing.
            if run.state().is_in_use(node) {
                stop_active(run, StopCause::Interruption { reason });
            }
        }
        ReportBody::ServiceLaunched(launched) => {
            check_launch(run, node, &launched.instance, launched.launch)?;
            run.emit_from(&origin, launched);
        }
        ReportBody::ServiceReady(ready) => {
            check_launch(run, node, &ready.instance, ready.launch)?;
            run.emit_from(&origin, ready);
        }
        ReportBody::ServiceFailed(failed) => return service_failed(run, &origin, failed),
        ReportBody::ServiceExited(exited) => return service_exited(run, &origin, exited),
        ReportBody::ServiceObserved(observed) => {
            check_observation(run, &observed)?;
            run.emit_from(&origin, observed);
        }
        ReportBody::CollectionStarted(started) => run.emit_from(&origin, started),
        ReportBody::CollectionStopped { stopped, files } => {
            run.emit_from(&origin, stopped);
            for file in files {
                run.emit_from(&origin, file);
            }
        }
        ReportBody::ClientConnected(connected) => run.emit_from(&origin, connected),
        ReportBody::ClientFailed(failed) => run.emit_from(&origin, failed),
        ReportBody::TrialPrepared(prepared) => {
            check_share(run, node, &prepared.trial, prepared.attempt, |share| {
                matches!(share, Share::Pending)
            })?;
            run.emit_from(&origin, prepared);
        }
        ReportBody::Share(share) => return share_reported(run, &origin, share),
    }
    Ok(())
}

/// A report counts only from the boot that holds the node now.
fn check_sender(run: &DraftRun<'_>, node: &NodeId, boot: &str, body: &ReportBody) -> Result<(), String> {
    let known = run
        .state()
        .nodes
        .get(node)
        .ok_or_else(|| format!("node {node} is no part of the run"))?;
    match (&known.status, body) {
        (NodeStatus::Requested { .. }, ReportBody::Joined(joined))
            if joined.node == *node && joined.boot == boot =>
        {
            Ok(())
        }
        (NodeStatus::Joined { boot: current, .. }, body)
            if current == boot && !matches!(body, ReportBody::Joined(_)) =>
        {
            Ok(())
        }
        _ => Err(format!("nothing was expected from boot {boot} of node {node}")),
    }
}

/// A node speaks for itself only.
fn check_subject(sender: &NodeId, body: &ReportBody) -> Result<(), String> {
    let subject = match body {
        ReportBody::Joined(e) => &e.node,
        ReportBody::Suspended(e) => &e.node,
        ReportBody::CollectionStarted(e) => &e.node,
        ReportBody::CollectionStopped { stopped, .. } => &stopped.node,
        ReportBody::ClientConnected(e) => &e.node,
        ReportBody::ClientFailed(e) => &e.node,
        ReportBody::TrialPrepared(e) => &e.node,
        ReportBody::Share(e) => &e.node,
        ReportBody::ServiceObserved(e) => &e.node,
        // Whose service it is, is known from its start.
        ReportBody::ServiceLaunched(_)
        | ReportBody::ServiceReady(_)
        | ReportBody::ServiceFailed(_)
        | ReportBody::ServiceExited(_) => return Ok(()),
    };
    if subject == sender {
        Ok(())
    } else {
        Err(format!("node {sender} speaks for {subject}"))
    }
}

/// The instance's latest start on this node, and whether it was still expected to run.
fn check_launch(run: &DraftRun<'_>, node: &NodeId, id: &InstanceId, launch: u32) -> Result<bool, String> {
    let deployment = run.state().deployment.as_ref();
    match deployment.and_then(|d| d.instances.get(id)) {
        Some(instance) if instance.launches == launch && instance.node == *node => Ok(instance.may_run()),
        _ => Err(format!("start {launch} of {id} on {node} is not its latest")),
    }
}

fn check_share(
    run: &DraftRun<'_>,
    node: &NodeId,
    id: &TrialId,
    attempt: Attempt,
    fits: impl Fn(&Share) -> bool,
) -> Result<(), String> {
    match run.state().active() {
        Some((active, running)) if active == id && running.attempt == attempt => {
            match running.shares.get(node) {
                Some(share) if fits(share) => Ok(()),
                _ => Err(format!("nothing is due from {node} for trial {id}")),
            }
        }
        _ => Err(format!("attempt {attempt} of trial {id} is not under way")),
    }
}

/// Once all shares are in, the nodes of the service are asked for their account.
fn check_observation(run: &DraftRun<'_>, observed: &ServiceObserved) -> Result<(), String> {
    let due = run.state().active().is_some_and(|(id, attempt)| {
        *id == observed.trial
            && attempt.attempt == observed.attempt
            && attempt.is_over()
            && attempt.stop.is_none()
            && matches!(attempt.observers.get(&observed.node), Some(Observation::Due))
    });
    if due {
        Ok(())
    } else {
        Err(format!(
            "no account of trial {} is due from {}",
            observed.trial, observed.node
        ))
    }
}

fn service_failed(run: &mut DraftRun<'_>, origin: &Origin, failed: ServiceFailed) -> Result<(), String> {
    let ran = check_launch(run, &origin.node, &failed.instance, failed.launch)?;
    let reason = format!(
        "service {} failed: {}",
        name(run, &failed.instance),
        failed.reason
    );
    let cause = StopCause::Fault {
        reason,
        log_tail: failed.log_tail.clone(),
    };
    run.emit_from(origin, failed);
    if ran {
        stop_active(run, cause);
    }
    Ok(())
}

fn service_exited(run: &mut DraftRun<'_>, origin: &Origin, mut exited: ServiceExited) -> Result<(), String> {
    let ran = check_launch(run, &origin.node, &exited.instance, exited.launch)?;
    // It may end, because another of its instance's processes has, before the order to do so arrives.
    exited.expected |= is_asked_to_stop(run, &exited.instance);
    let reason = format!(
        "service {} ended in the middle of the trial with {}",
        name(run, &exited.instance),
        exited.in_words()
    );
    let cause = StopCause::Fault {
        reason,
        log_tail: exited.log_tail.clone(),
    };
    run.emit_from(origin, exited);
    if ran {
        stop_active(run, cause);
    }
    Ok(())
}

fn name(run: &DraftRun<'_>, id: &InstanceId) -> String {
    let deployment = run.state().deployment.as_ref();
    deployment.map_or_else(|| id.to_string(), |deployment| deployment.name(id))
}

fn is_asked_to_stop(run: &DraftRun<'_>, id: &InstanceId) -> bool {
    let deployment = run.state().deployment.as_ref();
    let known = deployment.and_then(|deployment| deployment.instances.get(id));
    known.is_some_and(|known| matches!(known.status, InstanceStatus::StopRequested { .. }))
}

/// The files of a share are part of the history too; one client's trouble ends the attempt for all.
fn share_reported(run: &mut DraftRun<'_>, origin: &Origin, share: ShareReported) -> Result<(), String> {
    check_share(run, &origin.node, &share.trial, share.attempt, Share::is_due)?;
    let problem = share.problem.clone();
    let files = share.files.clone();
    // The files come first: whoever sees the share can rely on them.
    if let Some(files) = files {
        run.emit_from(origin, files.records);
        run.emit_from(origin, files.aggregate);
    }
    run.emit_from(origin, share);
    if let Some(problem) = problem {
        let others_go_on = run
            .state()
            .active()
            .is_some_and(|(_, attempt)| !attempt.is_over());
        if others_go_on {
            let reason = format!("client {}: {problem}", origin.node);
            stop_active(
                run,
                StopCause::Fault {
                    reason,
                    log_tail: Vec::new(),
                },
            );
        }
    }
    Ok(())
}
