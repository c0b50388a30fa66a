//! The actors of a node, and the way of commands to them.

use std::sync::Arc;

use actix::{Actor, Addr};
use hpcbench_core::message::{AgentCommand, CommandBody, CommandReply};
use hpcbench_core::{Actor as ActorName, Epoch, Role};

use super::{AgentContext, Deliver};
use crate::client_pool::ClientPool;
use crate::log_collector::{AlsoSeal, LogCollector};
use crate::shell::{Admission, Gate};
use crate::supervisor::Supervisor;
use crate::telemetry::{Taken, Telemetry};

/// The actors of a node.
pub struct Hosted {
    context: Arc<AgentContext>,
    gate: Gate,
    collector: Addr<LogCollector>,
    supervisor: Option<Addr<Supervisor>>,
    client_pool: Option<Addr<ClientPool>>,
    telemetry: Telemetry,
}

impl Hosted {
    /// Starts the actors that the node's role asks for.
    pub fn start(context: Arc<AgentContext>, epoch: Epoch) -> Self {
        let role = context.role;
        Self {
            gate: Gate::new(epoch),
            collector: LogCollector::new(Arc::clone(&context)).start(),
            supervisor: (role == Role::Server).then(|| Supervisor::new(Arc::clone(&context)).start()),
            client_pool: (role == Role::Client).then(|| ClientPool::new(Arc::clone(&context)).start()),
            telemetry: Telemetry::new(Arc::clone(&context)),
            context,
        }
    }

    /// The table of samples is made first: its digest is reported with those of the logs, after which the agent may end.
    fn finish(&mut self, command: AgentCommand) {
        let table = self.telemetry.finish(self.gate.epoch());
        let collector = self.collector.clone();
        actix::spawn(async move {
            let table = table.await;
            let told = collector.send(AlsoSeal(table)).await.is_ok();
            if !told || collector.send(Deliver(command)).await.is_err() {
                tracing::error!("the log collector did not answer");
            }
        });
    }

    /// Hands a command to its actor, once. The answer says whether it was taken; what comes of it is reported.
    pub async fn deliver(&mut self, actor: ActorName, command: AgentCommand) -> CommandReply {
        if command.body.actor() != actor {
            return refuse(format!("{actor} has no such command"));
        }
        match self.gate.admit(&command) {
            Admission::New => {}
            Admission::Repeated => return CommandReply { refused: None },
            Admission::Outdated { highest } => {
                return refuse(format!(
                    "epoch {} has been replaced by epoch {highest}",
                    command.epoch
                ));
            }
        }
        self.context.outbox.raise_epoch(self.gate.epoch());
        if self.telemetry.take(&command).await == Taken::Wholly {
            return CommandReply { refused: None };
        }
        if matches!(command.body, CommandBody::FinishCollection) {
            self.finish(command);
            return CommandReply { refused: None };
        }
        let message = Deliver(command);
        let answer = match (actor, &self.supervisor, &self.client_pool) {
            (ActorName::LogCollector, ..) => self.collector.send(message).await,
            (ActorName::Supervisor, Some(supervisor), _) => supervisor.send(message).await,
            (ActorName::ClientPool, _, Some(pool)) => pool.send(message).await,
            _ => return refuse(format!("there is no {actor} on a {} node", self.context.role)),
        };
        match answer {
            Ok(taken) => CommandReply { refused: taken.err() },
            Err(error) => refuse(format!("{actor} did not answer: {error}")),
        }
    }
}

fn refuse(reason: String) -> CommandReply {
    CommandReply {
        refused: Some(reason),
    }
}
