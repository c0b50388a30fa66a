//! Commands on their way to one node: in order, each until it is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hpcbench_core::message::{AgentCommand, CommandReply};
use hpcbench_core::{Actor, NodeId};
use hpcbench_nats::OrchestratorBus;
use tokio::sync::mpsc;

use super::barrier::Barrier;
use super::bus::BusSlot;

/// How long an agent may take to answer one command.
const ANSWER: Duration = Duration::from_secs(5);
/// Pause before a command is sent again.
const AGAIN: Duration = Duration::from_millis(200);

/// Commands that may wait for one node. The state machine tells it a few things for each trial, and waits for what comes of them.
pub(super) const MAX_COMMANDS: usize = 4096;

/// A node's courier. Dropping it gives up what it still carries.
pub(super) struct Courier {
    node: NodeId,
    barrier: Barrier,
    queue: mpsc::Sender<(Actor, AgentCommand)>,
    task: tokio::task::JoinHandle<()>,
}

impl Courier {
    /// A courier to `node` over whatever bus is up. It tells the barrier of orders to begin.
    pub(super) fn start(node: NodeId, bus: BusSlot, barrier: Barrier) -> Self {
        let (queue, mut inbox) = mpsc::channel::<(Actor, AgentCommand)>(MAX_COMMANDS);
        let (to, told) = (node.clone(), barrier.clone());
        let task = actix::spawn(async move {
            while let Some((actor, command)) = inbox.recv().await {
                deliver(&to, &bus, actor, &command).await;
                told.answered(&to, &command.body, Instant::now());
            }
        });
        Self {
            node,
            barrier,
            queue,
            task,
        }
    }

    /// Hands a command over.
    pub(super) fn send(&self, actor: Actor, command: AgentCommand) {
        self.barrier.ordered(&self.node, &command.body, Instant::now());
        hand_over(&self.queue, actor, command);
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Puts a command into a queue whose reader lives as long as its writer.
pub(super) fn hand_over(queue: &mpsc::Sender<(Actor, AgentCommand)>, actor: Actor, command: AgentCommand) {
    if queue.try_send((actor, command)).is_err() {
        // What should come of it does not, and the node is given up.
        tracing::error!(%actor, "a command is lost: {MAX_COMMANDS} wait already");
    }
}

/// Sends a command until it is answered; a repeated one is carried out once. Deadlines are the state machine's.
async fn deliver(node: &NodeId, bus: &BusSlot, actor: Actor, command: &AgentCommand) {
    let payload = match serde_json::to_vec(command) {
        Ok(payload) => payload,
        Err(error) => {
            tracing::error!(%node, %error, "a command cannot be written");
            return;
        }
    };
    loop {
        let bus: Arc<dyn OrchestratorBus> = bus.wait().await;
        match bus.command(node, actor, payload.clone().into(), ANSWER).await {
            Ok(answer) => {
                note_refusal(node, command, &answer);
                return;
            }
            Err(error) => {
                tracing::debug!(%node, id = command.id, %error, "a command was not answered");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

fn note_refusal(node: &NodeId, command: &AgentCommand, answer: &[u8]) {
    match serde_json::from_slice::<CommandReply>(answer) {
        Ok(CommandReply { refused: None }) => {}
        Ok(CommandReply {
            refused: Some(reason),
        }) => {
            tracing::warn!(%node, id = command.id, reason, "a command was refused");
        }
        Err(error) => tracing::warn!(%node, id = command.id, %error, "an answer cannot be read"),
    }
}
