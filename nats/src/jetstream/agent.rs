//! An agent's handle.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::StreamExt;
use hpcbench_core::NodeId;
use tokio::time::Instant;

use super::link::{Address, Identity, Link};
use super::subscription::responder;
use crate::limits::{JETSTREAM_TIMEOUT, REOPEN_DELAY};
use crate::subject::{Subject, Topic, filter};
use crate::{Actor, AgentBus, BusError, Command, ConnectionWatch, Incoming, LogCategory, Secret, names};

/// A node's connection to the run's nats-server.
pub struct Agent {
    link: Link,
    node: NodeId,
}

impl Agent {
    /// Connects within `deadline`.
    pub async fn connect(
        address: Address,
        node: NodeId,
        password: Secret,
        deadline: Duration,
    ) -> Result<Self, BusError> {
        let identity = Identity::fixed(names::node_user(&node), password);
        Ok(Self {
            link: Link::connect(address, identity, deadline).await?,
            node,
        })
    }

    /// Waits until the connection is up or `until` has come.
    async fn wait_until_up(&self, until: Instant) {
        let mut connection = self.link.connection();
        let up = async { while !connection.current().up && connection.changed().await.is_some() {} };
        // Too late shows in the next attempt.
        let _ = tokio::time::timeout_at(until, up).await;
    }
}

#[async_trait]
impl AgentBus for Agent {
    fn node(&self) -> &NodeId {
        &self.node
    }

    async fn commands(&self) -> Result<Incoming<Command>, BusError> {
        let live = self.link.follow();
        let (run, node) = (self.link.run().clone(), self.node.clone());
        let messages = self.link.listen(filter::commands(&run, &node)).await;
        Ok(Incoming::new(messages.filter_map(move |message| {
            let actor = match message.subject.as_str().parse() {
                Ok(Subject {
                    run: of,
                    topic: Topic::Command(to, actor),
                }) if of == run && to == node => Some(actor),
                _ => None,
            };
            let command = actor.and_then(|actor| {
                let responder = responder(live.borrow().clone(), &message, names::ORCHESTRATOR)?;
                Some(Command {
                    actor,
                    payload: message.payload,
                    responder,
                })
            });
            std::future::ready(command)
        })))
    }

    async fn report(&self, actor: Actor, payload: Bytes, deadline: Duration) -> Result<(), BusError> {
        let subject = Topic::Report(self.node.clone(), actor).of(self.link.run());
        let until = Instant::now() + deadline;
        loop {
            self.wait_until_up(until).await;
            let left = until.saturating_duration_since(Instant::now());
            let error = match self
                .link
                .store(&subject, payload.clone(), left.min(JETSTREAM_TIMEOUT))
                .await
            {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let hopeless = matches!(error, BusError::TooLarge { .. } | BusError::Refused { .. });
            if hopeless || Instant::now() + REOPEN_DELAY >= until {
                return Err(error);
            }
            tracing::debug!(%error, "a report is sent again");
            tokio::time::sleep(REOPEN_DELAY).await;
        }
    }

    async fn heartbeat(&self, payload: Bytes) -> Result<(), BusError> {
        self.link
            .send(&Topic::Heartbeat(self.node.clone()).of(self.link.run()), payload)
            .await
    }

    async fn log_line(&self, category: LogCategory, payload: Bytes) -> Result<(), BusError> {
        self.link
            .send(
                &Topic::Log(category, self.node.clone()).of(self.link.run()),
                payload,
            )
            .await
    }

    async fn metric(&self, payload: Bytes) -> Result<(), BusError> {
        self.link
            .send(&Topic::Metric(self.node.clone()).of(self.link.run()), payload)
            .await
    }

    fn connection(&self) -> ConnectionWatch {
        self.link.connection()
    }
}
