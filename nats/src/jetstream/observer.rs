//! An observer's handle: history, then live, through restarts of nats-server.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use hpcbench_core::{RunId, Seq};
use nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use nats::jetstream::{self, Message};
use tokio::sync::watch;

use super::link::{Address, Identity, Link, Live};
use super::reports::pause;
use super::streams::failed;
use crate::limits::{EVENTS_PER_PULL, OBSERVER_IDLE, PULL_EXPIRY, PULL_HEARTBEAT};
use crate::subject::{Subject, Topic};
use crate::{
    BusError, ConnectionWatch, EventLine, Incoming, Observed, ObservedEvent, ObserverBus, Rendezvous, names,
};

/// A connection that reads a run's events and can send nothing to its actors.
pub struct Observer {
    link: Link,
}

impl Observer {
    /// Connects within `deadline` to the bus that `run_directory`'s `bus.json` names.
    pub async fn connect(run_directory: &Path, deadline: Duration) -> Result<Self, BusError> {
        let found = Rendezvous::read(run_directory)?;
        let address = Address {
            run: found.run,
            url: found.url,
            directory: run_directory.to_owned(),
        };
        let identity = Identity {
            credential: found.credentials.observer,
            renewed: |found| Some(&found.credentials.observer),
        };
        Ok(Self {
            link: Link::connect(address, identity, deadline).await?,
        })
    }
}

#[async_trait]
impl ObserverBus for Observer {
    async fn events(&self, from: Seq) -> Result<Incoming<Observed>, BusError> {
        let next = Seq(from.0.max(1));
        let events = Events {
            run: self.link.run().clone(),
            live: self.link.follow(),
            next,
            open: None,
            held: None,
        };
        Ok(Incoming::new(stream::unfold(events, |mut events| async {
            let observed = events.next().await?;
            Some((observed, events))
        })))
    }

    fn connection(&self) -> ConnectionWatch {
        self.link.connection()
    }
}

/// Reads the EVENTS stream in order. A consumer that shows a gap, or whose connection changed, is replaced by another
/// one that starts at the next event.
struct Events {
    run: RunId,
    live: watch::Receiver<Live>,
    next: Seq,
    open: Option<Consumer>,
    /// An event after a gap that has been told.
    held: Option<ObservedEvent>,
}

struct Consumer {
    messages: pull::Stream,
    /// No message yet: a gap before the first one is the stream's own.
    fresh: bool,
}

impl Events {
    /// The next step; `None` when the link is gone.
    async fn next(&mut self) -> Option<Observed> {
        if let Some(event) = self.held.take() {
            return Some(Observed::Event(event));
        }
        loop {
            let Some(consumer) = &mut self.open else {
                self.reopen().await?;
                continue;
            };
            let message = tokio::select! {
                biased;
                message = consumer.messages.next() => message,
                changed = self.live.changed() => {
                    changed.ok()?;
                    None
                }
            };
            let Some(Ok(message)) = message else {
                self.open = None;
                continue;
            };
            let fresh = std::mem::replace(&mut consumer.fresh, false);
            if let Some(observed) = self.observe(message, fresh) {
                return Some(observed);
            }
        }
    }

    fn observe(&mut self, message: Message, fresh: bool) -> Option<Observed> {
        let Some(event) = observed(&self.run, message) else {
            self.open = None;
            return None;
        };
        let (seq, expected) = (event.event.seq, self.next);
        if seq < expected {
            return None;
        }
        if seq > expected && !fresh {
            tracing::debug!(%expected, got = %seq, "events were skipped: the stream is opened again");
            self.open = None;
            return None;
        }
        self.next = seq.next();
        if seq == expected {
            return Some(Observed::Event(event));
        }
        self.held = Some(event);
        Some(Observed::Missing {
            from: expected,
            to: Seq(seq.0 - 1),
        })
    }

    async fn reopen(&mut self) -> Option<()> {
        let live = self.live.borrow_and_update().clone();
        match open(&live, self.next).await {
            Ok(messages) => {
                self.open = Some(Consumer {
                    messages,
                    fresh: true,
                });
            }
            Err(error) => {
                tracing::debug!(%error, "events cannot be read now");
                pause(&mut self.live).await?;
            }
        }
        Some(())
    }
}

async fn open(live: &Live, next: Seq) -> Result<pull::Stream, BusError> {
    // An observer reaches JetStream only through what its account imports.
    let jetstream = jetstream::with_prefix(live.client.clone(), names::OBSERVER_API);
    let stream = jetstream
        .get_stream_no_info(names::EVENTS)
        .await
        .map_err(failed("open the EVENTS stream"))?;
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: next.0,
        },
        ack_policy: AckPolicy::None,
        inactive_threshold: OBSERVER_IDLE,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    };
    let consumer = stream
        .create_consumer(config)
        .await
        .map_err(failed("open a consumer of the EVENTS stream"))?;
    consumer
        .stream()
        .max_messages_per_batch(EVENTS_PER_PULL)
        .expires(PULL_EXPIRY)
        .heartbeat(PULL_HEARTBEAT)
        .messages()
        .await
        .map_err(failed("read the EVENTS stream"))
}

fn observed(run: &RunId, message: Message) -> Option<ObservedEvent> {
    let kind = match message.subject.as_str().parse() {
        Ok(Subject {
            run: of,
            topic: Topic::Event(kind),
        }) if of == *run => kind,
        _ => return None,
    };
    let info = message.info().ok()?;
    let (seq, behind) = (Seq(info.stream_sequence), info.pending);
    let line = message.message.payload;
    Some(ObservedEvent {
        event: EventLine { seq, kind, line },
        behind,
    })
}
