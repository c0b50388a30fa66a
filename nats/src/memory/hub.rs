//! One state that everybody looks at, and the news that it has changed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use tokio::sync::{oneshot, watch};

use super::state::State;
use crate::bus::ConnectionSender;
use crate::{BusError, Incoming};

pub(super) struct Hub {
    state: Mutex<State>,
    news: watch::Sender<()>,
    pub(super) connection: ConnectionSender,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.look(|state| state.fmt(f))
    }
}

impl Hub {
    pub(super) fn new() -> Self {
        let connection = ConnectionSender::new();
        connection.connected();
        let state = Mutex::new(State {
            up: true,
            ..State::default()
        });
        Self {
            state,
            news: watch::Sender::new(()),
            connection,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No transition leaves the state half done, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn look<T>(&self, view: impl FnOnce(&State) -> T) -> T {
        view(&self.lock())
    }

    pub(super) fn change<T>(&self, transition: impl FnOnce(&mut State) -> T) -> T {
        let done = transition(&mut self.lock());
        self.news.send_replace(());
        done
    }

    /// Like [`change`](Self::change), while connected.
    pub(super) fn send<T>(
        &self,
        what: &str,
        payload: &Bytes,
        transition: impl FnOnce(&mut State) -> T,
    ) -> Result<T, BusError> {
        BusError::check_size(what, payload)?;
        self.change(|state| {
            if state.up {
                Ok(transition(state))
            } else {
                Err(BusError::Disconnected {
                    what: what.to_owned(),
                })
            }
        })
    }

    /// What `take` finds in the state, one after the other, while connected.
    pub(super) fn incoming<T: Send + 'static>(
        self: &Arc<Self>,
        take: impl FnMut(&Arc<Self>, &mut State) -> Option<T> + Send + 'static,
    ) -> Incoming<T> {
        let taker = Taker {
            hub: Arc::downgrade(self),
            news: self.news.subscribe(),
            take,
        };
        Incoming::new(stream::unfold(taker, |mut taker| async {
            let taken = taker.next().await?;
            Some((taken, taker))
        }))
    }

    fn take<T>(self: &Arc<Self>, take: impl FnOnce(&Arc<Self>, &mut State) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        if state.up { take(self, &mut state) } else { None }
    }

    /// Waits for an answer: until `deadline`, or until the connection breaks.
    pub(super) async fn answer(
        &self,
        what: String,
        answer: oneshot::Receiver<Bytes>,
        deadline: Duration,
    ) -> Result<Bytes, BusError> {
        let mut connection = self.connection.watch();
        let broken = async { while connection.current().up && connection.changed().await.is_some() {} };
        let answer = async {
            match answer.await {
                Ok(answer) => answer,
                // Whoever has no answer shows it by silence only.
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = answer => Ok(answer),
            () = broken => Err(BusError::Disconnected { what }),
            () = tokio::time::sleep(deadline) => Err(BusError::TimedOut { what, after: deadline }),
        }
    }
}

struct Taker<F> {
    hub: Weak<Hub>,
    news: watch::Receiver<()>,
    take: F,
}

impl<T, F: FnMut(&Arc<Hub>, &mut State) -> Option<T>> Taker<F> {
    async fn next(&mut self) -> Option<T> {
        loop {
            self.news.mark_unchanged();
            // Held only for the look: a waiting stream does not keep the bus alive.
            let hub = self.hub.upgrade()?;
            let taken = hub.take(&mut self.take);
            drop(hub);
            if taken.is_some() {
                return taken;
            }
            self.news.changed().await.ok()?;
        }
    }
}
