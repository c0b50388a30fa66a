//! An agent's handle.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use hpcbench_core::NodeId;
use hpcbench_core::message::ReportId;
use nats::Message;
use nats::header::{HeaderMap, HeaderValue, ParseHeaderValueError};

use super::link::{Address, Identity, Link};
use super::subscription::responder;
use crate::bus::{ReportPath, deliver};
use crate::limits::JETSTREAM_TIMEOUT;
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
}

/// A report on its way over this connection and those to come.
struct Outgoing<'a> {
    link: &'a Link,
    subject: Subject,
    receipts: Subject,
    /// The report's id, as the header has it.
    id: HeaderValue,
    payload: Bytes,
}

#[async_trait]
impl ReportPath for Outgoing<'_> {
    fn connection(&self) -> ConnectionWatch {
        self.link.connection()
    }

    /// nats-server handles the subscription before the report that follows.
    async fn receipts(&self) -> Incoming<ReportId> {
        let client = self.link.live().client;
        let receipt = |message: Message| {
            // The orchestrator asks for no answer. Whoever has a stream deliver something here does.
            let own = message.reply.is_none();
            let id = own.then(|| serde_json::from_slice(&message.payload).ok());
            std::future::ready(id.flatten())
        };
        match client.subscribe(self.receipts.to_string()).await {
            Ok(messages) => Incoming::new(messages.filter_map(receipt)),
            // The connection has just broken, which the store notices.
            Err(_) => Incoming::new(stream::empty()),
        }
    }

    async fn store(&self) -> Result<(), BusError> {
        let mut headers = HeaderMap::new();
        headers.insert(names::REPORT_ID, self.id.clone());
        self.link
            .store(&self.subject, headers, self.payload.clone(), JETSTREAM_TIMEOUT)
            .await
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

    async fn report(
        &self,
        actor: Actor,
        id: &ReportId,
        payload: Bytes,
        deadline: Duration,
    ) -> Result<(), BusError> {
        let run = self.link.run();
        let outgoing = Outgoing {
            link: &self.link,
            subject: Topic::Report(self.node.clone(), actor).of(run),
            receipts: Topic::Receipt(self.node.clone()).of(run),
            id: header(id)?,
            payload,
        };
        deliver(&outgoing, id, deadline).await
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

/// JSON has no line breaks of its own, and escapes those of others.
fn header(id: &ReportId) -> Result<HeaderValue, BusError> {
    let unfit = |source| BusError::ReportId {
        counter: id.counter,
        source,
    };
    let text = serde_json::to_string(id).map_err(|error| unfit(error.into()))?;
    text.parse()
        .map_err(|error: ParseHeaderValueError| unfit(error.into()))
}
