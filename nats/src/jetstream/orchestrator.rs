//! The orchestrator's handle.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::StreamExt;
use hpcbench_core::{NodeId, Seq};
use nats::Message;
use tokio::sync::Mutex;

use super::link::{Address, Identity, Link};
use super::subscription::responder;
use super::{feed, reports, streams};
use crate::subject::{Subject, Topic, filter};
use crate::{
    Actor, BusError, CancelRequest, CatchUp, ConnectionWatch, EventLine, Heartbeat, Incoming, LogLine,
    LogLines, Metric, OrchestratorBus, Ping, Report, Responder, Secret, names,
};

/// The orchestrator's connection to its nats-server.
pub struct Orchestrator {
    link: Link,
    /// Publishing has one order.
    publishing: Mutex<()>,
}

impl Orchestrator {
    /// Connects within `deadline`.
    pub async fn connect(address: Address, password: Secret, deadline: Duration) -> Result<Self, BusError> {
        let identity = Identity::fixed(names::ORCHESTRATOR.to_owned(), password);
        Ok(Self {
            link: Link::connect(address, identity, deadline).await?,
            publishing: Mutex::new(()),
        })
    }

    /// Questions on `topic` of whoever may control the run; they are answered in its own inbox only.
    async fn asked<T: Send + 'static>(&self, topic: Topic, typed: fn(Bytes, Responder) -> T) -> Incoming<T> {
        let live = self.link.follow();
        let messages = self.link.listen(topic.of(self.link.run()).to_string()).await;
        Incoming::new(messages.filter_map(move |message| {
            let live = live.borrow().clone();
            let question = responder(live, &message, names::CONTROL);
            std::future::ready(question.map(|responder| typed(message.payload, responder)))
        }))
    }

    /// Messages on `pattern` that carry no reply subject and that `typed` accepts. Nobody but their authors can send
    /// them: a stream's message that somebody has delivered there has a reply subject.
    async fn collect<T: Send + 'static>(
        &self,
        pattern: String,
        typed: fn(Topic, Bytes) -> Option<T>,
    ) -> Result<Incoming<T>, BusError> {
        let run = self.link.run().clone();
        let messages = self.link.listen(pattern).await;
        Ok(Incoming::new(messages.filter_map(move |message| {
            let topic = if message.reply.is_none() {
                topic(&run, &message)
            } else {
                None
            };
            std::future::ready(topic.and_then(|topic| typed(topic, message.payload)))
        })))
    }
}

fn topic(run: &hpcbench_core::RunId, message: &Message) -> Option<Topic> {
    let subject: Subject = message.subject.as_str().parse().ok()?;
    (subject.run == *run).then_some(subject.topic)
}

#[async_trait]
impl OrchestratorBus for Orchestrator {
    async fn catch_up(&self, head: Seq, log: &dyn LogLines) -> Result<CatchUp, BusError> {
        let _turn = self.publishing.lock().await;
        let jetstream = self.link.live().jetstream;
        streams::ensure_reports(&jetstream, self.link.run()).await?;
        feed::catch_up(&jetstream, self.link.run(), head, log).await
    }

    async fn publish(&self, events: &[EventLine]) -> Result<(), BusError> {
        let _turn = self.publishing.lock().await;
        feed::publish(&self.link.live().jetstream, self.link.run(), events).await
    }

    async fn command(
        &self,
        node: &NodeId,
        actor: Actor,
        payload: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, BusError> {
        let subject = Topic::Command(node.clone(), actor).of(self.link.run());
        self.link.ask(&subject, payload, deadline).await
    }

    async fn reports(&self) -> Result<Incoming<Report>, BusError> {
        Ok(Incoming::new(reports::reports(&self.link).await?))
    }

    async fn heartbeats(&self) -> Result<Incoming<Heartbeat>, BusError> {
        let typed = |topic, payload| match topic {
            Topic::Heartbeat(node) => Some(Heartbeat { node, payload }),
            _ => None,
        };
        self.collect(filter::heartbeats(self.link.run()), typed).await
    }

    async fn cancel_requests(&self) -> Result<Incoming<CancelRequest>, BusError> {
        let typed = |payload, responder| CancelRequest { payload, responder };
        Ok(self.asked(Topic::Cancel, typed).await)
    }

    async fn pings(&self) -> Result<Incoming<Ping>, BusError> {
        Ok(self.asked(Topic::Ping, |_, responder| Ping::new(responder)).await)
    }

    async fn metrics(&self) -> Result<Incoming<Metric>, BusError> {
        let typed = |topic, payload| match topic {
            Topic::Metric(node) => Some(Metric { node, payload }),
            _ => None,
        };
        self.collect(filter::metrics(self.link.run()), typed).await
    }

    async fn log_lines(&self) -> Result<Incoming<LogLine>, BusError> {
        let typed = |topic, payload| match topic {
            Topic::Log(category, node) => Some(LogLine {
                node,
                category,
                payload,
            }),
            _ => None,
        };
        self.collect(filter::logs(self.link.run()), typed).await
    }

    fn connection(&self) -> ConnectionWatch {
        self.link.connection()
    }
}
