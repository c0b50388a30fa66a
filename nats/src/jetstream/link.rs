//! A connection that is made anew whenever it breaks.
//!
//! The client library could reconnect by itself, but only to the address that it knows, and requests in flight would
//! wait for their time limits. So each client lives for one connection: its end fails everything in flight at once,
//! and [`Link`] makes the next client with the address, and for outsiders the credential, that `bus.json` then has.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hpcbench_core::{Epoch, RunId};
use nats::jetstream::{self, Context};
use nats::{Client, ConnectOptions, Event};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::complaints::Complaints;
use crate::bus::ConnectionSender;
use crate::limits::{
    CLIENT_CAPACITY, CONNECT_ATTEMPT_TIMEOUT, JETSTREAM_TIMEOUT, PING_INTERVAL, PUBLISH_WINDOW,
    RECONNECT_DELAY, SUBSCRIPTION_CAPACITY,
};
use crate::{BusError, ConnectionWatch, Credential, Rendezvous, Secret, names};

/// Where a run's bus is.
#[derive(Debug, Clone)]
pub struct Address {
    /// The run.
    pub run: RunId,
    /// Where its nats-server listened last.
    pub url: String,
    /// The run directory: its `bus.json` is reread while disconnected, in case nats-server has moved.
    pub directory: PathBuf,
}

/// Whose part a link plays.
pub(super) struct Identity {
    /// The user and its password.
    pub(super) credential: Credential,
    /// Where a later `bus.json` has this user's credential, if it has.
    pub(super) renewed: fn(&Rendezvous) -> Option<&Credential>,
}

impl Identity {
    /// A user whose password is for the whole epoch.
    pub(super) fn fixed(user: String, password: Secret) -> Self {
        Self {
            credential: Credential { user, password },
            renewed: |_| None,
        }
    }
}

/// One connection.
#[derive(Debug, Clone)]
pub(super) struct Live {
    /// The client, for this connection only.
    pub(super) client: Client,
    /// Its JetStream side.
    pub(super) jetstream: Context,
}

/// A connection that is made anew whenever it breaks.
pub(super) struct Link {
    run: RunId,
    live: watch::Receiver<Live>,
    signals: Arc<Signals>,
    supervisor: JoinHandle<()>,
}

/// What the client library's events change.
struct Signals {
    connection: ConnectionSender,
    complaints: Complaints,
    /// Which client counts: a former one's last words are ignored.
    client: AtomicU64,
    broken: Notify,
}

impl Link {
    /// Connects within `deadline`.
    pub(super) async fn connect(
        address: Address,
        identity: Identity,
        deadline: Duration,
    ) -> Result<Self, BusError> {
        let signals = Arc::new(Signals {
            connection: ConnectionSender::new(),
            complaints: Complaints::new(),
            client: AtomicU64::new(0),
            broken: Notify::new(),
        });
        let run = address.run.clone();
        let mut dialer = Dialer {
            address,
            identity,
            epoch: Epoch(0),
            signals: Arc::clone(&signals),
        };
        let first = dialer.dial_within(deadline).await?;
        let (sender, live) = watch::channel(first);
        signals.connection.connected();
        let supervisor = tokio::spawn(dialer.supervise(sender));
        Ok(Self {
            run,
            live,
            signals,
            supervisor,
        })
    }

    pub(super) fn run(&self) -> &RunId {
        &self.run
    }

    /// The connection of this moment.
    pub(super) fn live(&self) -> Live {
        self.live.borrow().clone()
    }

    /// Sees each later connection; its end is the link's.
    pub(super) fn follow(&self) -> watch::Receiver<Live> {
        self.live.clone()
    }

    pub(super) fn connection(&self) -> ConnectionWatch {
        self.signals.connection.watch()
    }

    pub(super) fn complaints(&self) -> &Complaints {
        &self.signals.complaints
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // It owns the sender of `live`: its end ends every stream of this link.
        self.supervisor.abort();
    }
}

/// Makes clients.
struct Dialer {
    address: Address,
    identity: Identity,
    /// The highest epoch that a `bus.json` has shown.
    epoch: Epoch,
    signals: Arc<Signals>,
}

impl Dialer {
    async fn supervise(mut self, live: watch::Sender<Live>) {
        loop {
            self.signals.broken.notified().await;
            self.signals.connection.disconnected();
            let mut delay = RECONNECT_DELAY.0;
            let next = loop {
                match self.dial().await {
                    Ok(next) => break next,
                    Err(error) => tracing::debug!(%error, url = %self.address.url, "nats-server is away"),
                }
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(RECONNECT_DELAY.1);
                self.reread().await;
            };
            live.send_replace(next);
            self.signals.connection.connected();
        }
    }

    async fn dial_within(&mut self, deadline: Duration) -> Result<Live, BusError> {
        let start = Instant::now();
        let mut delay = RECONNECT_DELAY.0;
        loop {
            let error = match self.dial().await {
                Ok(live) => return Ok(live),
                Err(error) => error,
            };
            if start.elapsed() + delay >= deadline {
                return Err(BusError::Connect {
                    url: self.address.url.clone(),
                    user: self.identity.credential.user.clone(),
                    waited: deadline,
                    source: Box::new(error),
                });
            }
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(RECONNECT_DELAY.1);
            self.reread().await;
        }
    }

    /// Makes one attempt.
    async fn dial(&self) -> Result<Live, nats::ConnectError> {
        let number = self.signals.client.fetch_add(1, Ordering::SeqCst) + 1;
        let signals = Arc::clone(&self.signals);
        let Credential { user, password } = &self.identity.credential;
        let client = ConnectOptions::with_user_and_password(user.clone(), password.expose().to_owned())
            .name(format!("hpcbench {user}"))
            .custom_inbox_prefix(names::inbox(user))
            .connection_timeout(CONNECT_ATTEMPT_TIMEOUT)
            .request_timeout(Some(JETSTREAM_TIMEOUT))
            .ping_interval(PING_INTERVAL)
            .client_capacity(CLIENT_CAPACITY)
            .subscription_capacity(SUBSCRIPTION_CAPACITY)
            // 0 would mean "for ever". The one attempt happens at once; Link does not wait for it.
            .max_reconnects(1)
            .reconnect_delay_callback(|_| Duration::ZERO)
            .event_callback(move |event| {
                signals.heard(number, event);
                std::future::ready(())
            })
            .connect(&self.address.url)
            .await?;
        let jetstream = jetstream::context::ContextBuilder::new()
            .timeout(JETSTREAM_TIMEOUT)
            .max_ack_inflight(2 * PUBLISH_WINDOW)
            .build(client.clone());
        Ok(Live { client, jetstream })
    }

    /// Takes address and credential from `bus.json`, if there is a current one.
    async fn reread(&mut self) {
        let directory = self.address.directory.clone();
        // A parallel file system may take its time.
        let read = tokio::task::spawn_blocking(move || Rendezvous::read(&directory)).await;
        let Ok(Ok(found)) = read else { return };
        if found.run != self.address.run || found.epoch < self.epoch {
            return;
        }
        if let Some(credential) = (self.identity.renewed)(&found) {
            self.identity.credential = credential.clone();
        }
        self.epoch = found.epoch;
        self.address.url = found.url;
    }
}

impl Signals {
    fn heard(&self, client: u64, event: Event) {
        let current = self.client.load(Ordering::SeqCst) == client;
        match event {
            Event::Disconnected | Event::Closed if current => {
                self.connection.disconnected();
                self.broken.notify_one();
            }
            Event::ServerError(error) => self.complaints.add(error.to_string()),
            Event::SlowConsumer(subscription) => {
                tracing::warn!(subscription, "messages were dropped: their receiver is too slow");
            }
            _ => {}
        }
    }
}
