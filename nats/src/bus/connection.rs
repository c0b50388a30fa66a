//! Whether the bus can be reached, as it changes.

use tokio::sync::watch;

/// The state of one handle's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Whether messages get through now.
    pub up: bool,
    /// How many times a connection came about, so that a short interruption between two looks is seen too.
    pub generation: u64,
}

/// Sees every later state of a connection.
#[derive(Debug, Clone)]
pub struct ConnectionWatch(watch::Receiver<Connection>);

impl ConnectionWatch {
    /// The state now.
    pub fn current(&self) -> Connection {
        *self.0.borrow()
    }

    /// Waits until the state differs from the last one that this watch returned; `None` when the handle is gone.
    pub async fn changed(&mut self) -> Option<Connection> {
        self.0.changed().await.ok()?;
        Some(*self.0.borrow_and_update())
    }
}

/// The writing end.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionSender(watch::Sender<Connection>);

impl ConnectionSender {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Connection {
            up: false,
            generation: 0,
        }))
    }

    pub(crate) fn watch(&self) -> ConnectionWatch {
        ConnectionWatch(self.0.subscribe())
    }

    pub(crate) fn connected(&self) {
        self.0.send_modify(|state| {
            *state = Connection {
                up: true,
                generation: state.generation + 1,
            }
        });
    }

    pub(crate) fn disconnected(&self) {
        self.0
            .send_if_modified(|state| std::mem::replace(&mut state.up, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_short_interruption_is_seen() {
        let sender = ConnectionSender::new();
        let mut watch = sender.watch();
        sender.connected();
        let before = watch.changed().await.unwrap();
        sender.disconnected();
        sender.connected();
        let after = watch.changed().await.unwrap();
        assert!(before.up && after.up && after.generation > before.generation);
    }
}
