//! A past run's events on their way to any NATS server.

use std::fmt;
use std::time::{Duration, Instant};

use futures::StreamExt;
use hpcbench_core::RunId;
use nats::client::PublishErrorKind;
use nats::{Client, ConnectOptions, Event};
use tokio::sync::watch;

use super::target::Target;
use crate::limits::CLIENT_CAPACITY;
use crate::subject::Topic;
use crate::{BusError, EventLine};

/// Where the message that proves the end arrives. No event's subject has it: they have no capital letters.
const PROBE_PREFIX: &str = "_INBOX";

/// Publishes events under the subjects that they had on their run's bus, on a server that need not be hpcbench's.
///
/// Core NATS: whoever listens gets them, and a JetStream stream of these subjects stores them. It does not reconnect:
/// what was on its way when a connection broke may be lost, so that is an error.
pub struct Republisher {
    client: Client,
    heard: watch::Receiver<Heard>,
    published: u64,
}

/// What the server has said outside of answers.
#[derive(Debug, Clone, Default)]
struct Heard {
    /// Its first complaint about an event, or about the connection.
    refused: Option<String>,
    /// A complaint about the message that proves the end: the server has come as far as that, too.
    probed: bool,
    /// Everything that came before this client's end has been heard.
    all: bool,
    broken: bool,
}

impl Republisher {
    /// Connects to the NATS server at `url` within `deadline`: `nats://` or `tls://`, host, and port if it is not 4222.
    /// Credentials may be in it (`user:password@` or `token@`, percent-encoded); no error and no log shows them.
    pub async fn connect(url: &str, deadline: Duration) -> Result<Self, BusError> {
        let target: Target = url.parse()?;
        let start = Instant::now();
        let sender = watch::Sender::new(Heard::default());
        let heard = sender.subscribe();
        let options = ConnectOptions::new()
            .name("hpcbench replay")
            .custom_inbox_prefix(PROBE_PREFIX)
            .connection_timeout(deadline)
            .client_capacity(CLIENT_CAPACITY)
            .ignore_discovered_servers()
            // 0 would mean "for ever"; the first loss is the end all the same.
            .max_reconnects(1)
            .event_callback(move |event| {
                sender.send_modify(|heard| heard.add(&event));
                std::future::ready(())
            });
        let connecting = target.credentials.apply(options).connect(target.address.clone());
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| BusError::Connect {
            url: target.to_string(),
            user: target.credentials.user(),
            waited: start.elapsed(),
            source,
        };
        match tokio::time::timeout(deadline, connecting).await {
            Ok(Ok(client)) => Ok(Self {
                client,
                heard,
                published: 0,
            }),
            Ok(Err(error)) => Err(failed(Box::new(error))),
            Err(late) => Err(failed(Box::new(late))),
        }
    }

    /// Hands an event to the connection, and waits until `deadline` while that is full: the server may be slow or far away, and
    /// nothing is lost by waiting for it. Whether the server takes it shows later: in [`finish`](Self::finish) at last.
    ///
    /// # Errors
    ///
    /// [`BusError::TimedOut`] leaves the event out, which may be tried again; after any other error there is no use in going on.
    pub async fn publish(
        &mut self,
        run: &RunId,
        event: &EventLine,
        deadline: Duration,
    ) -> Result<(), BusError> {
        self.heard.borrow().trouble()?;
        let subject = Topic::Event(event.kind.clone()).of(run).to_string();
        let what = format!("event {} on {subject}", event.seq);
        let publishing = self.client.publish(subject, event.line.clone());
        match tokio::time::timeout(deadline, publishing).await {
            Ok(Ok(())) => {
                self.published += 1;
                Ok(())
            }
            Ok(Err(error)) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                let most = self.client.server_info().max_payload;
                let server_said = format!("a message may have {most} bytes, not {}", event.line.len());
                Err(BusError::Refused { what, server_said })
            }
            Ok(Err(_)) => {
                self.heard.borrow().trouble()?;
                Err(BusError::Disconnected { what })
            }
            Err(_) => Err(BusError::TimedOut {
                what,
                after: deadline,
            }),
        }
    }

    /// Waits until the server has taken every event, and says how many. [`BusError::Refused`] if there is one that it
    /// did not take.
    pub async fn finish(mut self, deadline: Duration) -> Result<u64, BusError> {
        match tokio::time::timeout(deadline, self.settle()).await {
            Ok(settled) => settled.map(|()| self.published),
            Err(_) => Err(BusError::TimedOut {
                what: format!("the last of {} events", self.published),
                after: deadline,
            }),
        }
    }

    /// The server handles a connection's messages in order. So a message to ourselves that comes back proves that it has
    /// seen all before it, and so does its refusal, where the user may not send or receive such messages.
    async fn settle(&mut self) -> Result<(), BusError> {
        let lost = || BusError::Disconnected {
            what: "the last events".to_owned(),
        };
        let probe = self.client.new_inbox();
        let mut back = self.client.subscribe(probe.clone()).await.map_err(|_| lost())?;
        self.client.publish(probe, "".into()).await.map_err(|_| lost())?;
        let answered = tokio::select! {
            answer = back.next() => answer.is_some(),
            heard = self.heard.wait_for(|heard| heard.probed || heard.trouble().is_err()) => heard.is_ok(),
        };
        self.heard.borrow().trouble()?;
        if !answered {
            return Err(lost());
        }
        // Complaints are told by a task of their own, which may be behind; it ends its work with this.
        self.client.drain().await.map_err(|_| lost())?;
        let heard = self.heard.wait_for(|heard| heard.all || heard.trouble().is_err());
        heard.await.map_err(|_| lost())?.trouble()
    }
}

impl Heard {
    fn add(&mut self, event: &Event) {
        match event {
            Event::ServerError(error) => {
                let text = error.to_string();
                if text.contains(PROBE_PREFIX) {
                    self.probed = true;
                } else {
                    self.refused.get_or_insert(text);
                }
            }
            Event::Draining => self.all = true,
            // The client's own end comes after its draining.
            Event::Disconnected | Event::Closed => self.broken |= !self.all,
            _ => {}
        }
    }

    fn trouble(&self) -> Result<(), BusError> {
        if let Some(server_said) = &self.refused {
            return Err(BusError::Refused {
                what: "an event".to_owned(),
                server_said: server_said.clone(),
            });
        }
        if self.broken {
            return Err(BusError::Disconnected {
                what: "some of the events".to_owned(),
            });
        }
        Ok(())
    }
}

impl fmt::Debug for Republisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Republisher")
            .field("published", &self.published)
            .field("heard", &*self.heard.borrow())
            .finish_non_exhaustive()
    }
}
