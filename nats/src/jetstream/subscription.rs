//! Sending on subjects, asking, and subscribing, over connections that come and go.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use nats::client::{Request, RequestErrorKind};
use nats::header::HeaderMap;
use nats::jetstream::publish::PublishAck;
use nats::jetstream::response::Response;
use nats::{Message, Subscriber};
use tokio::sync::watch;

use super::link::{Link, Live};
use super::streams::failed;
use crate::BusError;
use crate::bus::Responder;
use crate::limits::{ENQUEUE_TIMEOUT, REOPEN_DELAY};
use crate::subject::Subject;

impl Link {
    /// Sends without receipt; lost while disconnected.
    pub(super) async fn send(&self, subject: &Subject, payload: Bytes) -> Result<(), BusError> {
        let what = subject.to_string();
        BusError::check_size(&what, &payload)?;
        if !self.connection().current().up {
            return Err(BusError::Disconnected { what });
        }
        let client = self.live().client;
        match tokio::time::timeout(ENQUEUE_TIMEOUT, client.publish(what.clone(), payload)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(BusError::Disconnected { what }),
            Err(_) => Err(BusError::TimedOut {
                what,
                after: ENQUEUE_TIMEOUT,
            }),
        }
    }

    /// Asks and waits for the answer.
    pub(super) async fn ask(
        &self,
        subject: &Subject,
        payload: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, BusError> {
        BusError::check_size(&subject.to_string(), &payload)?;
        self.request(subject, Request::new().payload(payload), deadline)
            .await
    }

    async fn request(
        &self,
        subject: &Subject,
        request: Request,
        deadline: Duration,
    ) -> Result<Bytes, BusError> {
        let what = subject.to_string();
        let client = self.live().client;
        let refused = self.complaints().about(&what);
        let request = client.send_request(what.clone(), request.timeout(Some(deadline)));
        let answer = tokio::select! {
            answer = tokio::time::timeout(deadline, request) => answer,
            server_said = refused.heard() => return Err(BusError::Refused { what, server_said }),
        };
        match answer {
            Ok(Ok(answer)) => Ok(answer.payload),
            Ok(Err(error)) => Err(match error.kind() {
                RequestErrorKind::TimedOut => BusError::TimedOut {
                    what,
                    after: deadline,
                },
                RequestErrorKind::NoResponders => BusError::NoResponder { subject: what },
                _ => BusError::Disconnected { what },
            }),
            Err(_) => Err(BusError::TimedOut {
                what,
                after: deadline,
            }),
        }
    }

    /// Hands a message to the stream that listens on `subject`, and waits until it is stored.
    pub(super) async fn store(
        &self,
        subject: &Subject,
        headers: HeaderMap,
        payload: Bytes,
        deadline: Duration,
    ) -> Result<(), BusError> {
        BusError::check_size(&subject.to_string(), &payload)?;
        let request = Request::new().headers(headers).payload(payload);
        // JetStream's acknowledgement is an answer like others; a refusal is in it.
        let answer = self.request(subject, request, deadline).await?;
        match serde_json::from_slice::<Response<PublishAck>>(&answer) {
            Ok(Response::Ok(_)) => Ok(()),
            Ok(Response::Err { error }) => Err(failed(format!("store {subject}"))(error)),
            Err(error) => Err(failed(format!("store {subject}"))(error)),
        }
    }

    /// Messages on `pattern`, over all connections to come. The subscription to this one is under way when this returns.
    pub(super) async fn listen(&self, pattern: String) -> impl Stream<Item = Message> + use<> {
        let mut live = self.follow();
        let client = live.borrow_and_update().client.clone();
        // If the connection has just broken, the next one gets it.
        let subscriber = client.subscribe(pattern.clone()).await.ok();
        let listening = Listening {
            pattern,
            live,
            subscriber,
        };
        stream::unfold(listening, |mut listening| async {
            let message = listening.next().await?;
            Some((message, listening))
        })
    }
}

/// A subscription that is made anew on each connection.
struct Listening {
    pattern: String,
    live: watch::Receiver<Live>,
    subscriber: Option<Subscriber>,
}

impl Listening {
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(subscriber) = &mut self.subscriber {
                tokio::select! {
                    // What has arrived comes before the news that the connection has changed.
                    biased;
                    message = subscriber.next() => match message {
                        Some(message) => return Some(message),
                        None => self.subscriber = None,
                    },
                    changed = self.live.changed() => {
                        changed.ok()?;
                        self.resubscribe().await;
                    }
                }
            } else {
                self.live.changed().await.ok()?;
                self.resubscribe().await;
            }
        }
    }

    async fn resubscribe(&mut self) {
        let client = self.live.borrow_and_update().client.clone();
        self.subscriber = client.subscribe(self.pattern.clone()).await.ok();
        if self.subscriber.is_none() {
            // The connection broke again: another one follows.
            tokio::time::sleep(REOPEN_DELAY).await;
        }
    }
}

/// A responder for a message that may be answered only in the inbox of `asker`; none if it is to be answered elsewhere
/// or not at all.
///
/// Whoever can read a stream can have its messages delivered on any subject, with JetStream's own reply subject. And
/// whoever may ask could have the answer delivered as a command. So only a user's own inbox counts.
pub(super) fn responder(live: Live, message: &Message, asker: &str) -> Option<Responder> {
    let reply = message.reply.clone()?;
    let inbox = crate::names::inbox(asker);
    reply
        .as_str()
        .strip_prefix(&inbox)
        .is_some_and(|rest| rest.starts_with('.'))
        .then_some(())?;
    let (responder, answer) = Responder::pair();
    tokio::spawn(async move {
        let Ok(answer) = answer.await else { return };
        if let Err(error) = live.client.publish(reply, answer).await {
            tracing::debug!(%error, "an answer got lost");
        }
    });
    Some(responder)
}
