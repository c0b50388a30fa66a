//! The orchestrator's own agent: part of its process, without a bus in between.

use std::sync::Arc;

use actix::Addr;
use hpcbench_core::event::NodeJoined;
use hpcbench_core::message::{AgentCommand, Report, ReportBody};
use hpcbench_core::{Actor, Command, Epoch, Role};
use tokio::sync::mpsc;

use super::actor::{Ack, Input, Orchestrator};
use super::courier::{MAX_COMMANDS, hand_over};
use super::launcher::AgentLaunch;
use crate::agent::{AgentContext, Hosted};
use crate::shell::{OutboxReader, boot_id, host_facts, scratch_facts};

/// The orchestrator's own agent.
pub(super) struct LocalAgent {
    context: Arc<AgentContext>,
    commands: mpsc::Sender<(Actor, AgentCommand)>,
}

impl LocalAgent {
    /// Starts its actors and reports for duty.
    pub(super) fn start(
        context: Arc<AgentContext>,
        reports: OutboxReader,
        epoch: Epoch,
        agent: AgentLaunch,
        orchestrator: Addr<Orchestrator>,
    ) -> Self {
        let (commands, mut inbox) = mpsc::channel(MAX_COMMANDS);
        let mut hosted = Hosted::start(Arc::clone(&context), epoch);
        let mut facts = host_facts(&context.address, &context.resources);
        facts.scratch = scratch_facts(context.scratch.path());
        let joined = NodeJoined {
            node: context.node.clone(),
            role: Role::Orchestrator,
            boot: boot_id(agent.launch),
            pid: std::process::id(),
            facts,
        };
        context
            .outbox
            .report(Some(agent.cause), ReportBody::Joined(joined));
        actix::spawn(async move {
            while let Some((actor, command)) = inbox.recv().await {
                if let Some(reason) = hosted.deliver(actor, command).await.refused {
                    tracing::warn!(%actor, reason, "a command was refused");
                }
            }
        });
        actix::spawn(forward(Arc::clone(&context), reports, agent, orchestrator));
        Self { context, commands }
    }

    /// Hands a command over.
    pub(super) fn send(&self, actor: Actor, command: AgentCommand) {
        hand_over(&self.commands, actor, command);
    }
}

impl Drop for LocalAgent {
    fn drop(&mut self) {
        // Its actors may outlive it, as tasks: a successor's do their work from now on.
        self.context.end();
    }
}

/// Hands reports over until the agent is to end, then says that it has.
async fn forward(
    context: Arc<AgentContext>,
    mut reports: OutboxReader,
    agent: AgentLaunch,
    orchestrator: Addr<Orchestrator>,
) {
    let AgentLaunch {
        node, launch, cause, ..
    } = agent;
    let mut ended = context.ended();
    loop {
        let report: Option<Report> = tokio::select! {
            biased;
            report = reports.next() => report,
            _ = ended.wait_for(|ended| *ended) => None,
        };
        let Some(report) = report else { break };
        let led_to_it = report.cause;
        let command = Command::Report {
            node: node.clone(),
            report,
        };
        orchestrator.do_send(Input {
            command,
            cause: led_to_it,
            ack: Ack::None,
        });
    }
    let how = "its work was done".to_owned();
    orchestrator.do_send(Input::caused(Command::AgentEnded { node, launch, how }, cause));
}
