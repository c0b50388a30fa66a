//! The node's telemetry, as its agent sees it.

use std::sync::Arc;

use hpcbench_core::event::ServiceObserved;
use hpcbench_core::message::{AgentCommand, CommandBody, ReportBody};
use hpcbench_stats::ServiceReport;

use crate::agent::AgentContext;

/// The node's telemetry.
pub(crate) struct Telemetry {
    context: Arc<AgentContext>,
}

impl Telemetry {
    /// Telemetry that has not begun.
    pub(crate) const fn new(context: Arc<AgentContext>) -> Self {
        Self { context }
    }

    /// Takes notice of a command; whether that is all that has to be done about it.
    pub(crate) fn take(&self, command: &AgentCommand) -> bool {
        match &command.body {
            CommandBody::Observe { .. } => true,
            CommandBody::FinishObservation { trial, attempt } => {
                let observed = ServiceObserved {
                    trial: trial.clone(),
                    attempt: *attempt,
                    node: self.context.node.clone(),
                    service: ServiceReport::default(),
                };
                let body = ReportBody::ServiceObserved(observed);
                self.context.outbox.report(Some(command.cause), body);
                true
            }
            _ => false,
        }
    }
}
