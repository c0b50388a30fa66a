//! Where everybody in the orchestrator's process finds the bus.

use std::sync::Arc;

use hpcbench_nats::OrchestratorBus;
use tokio::sync::watch;

/// The bus, once it is up; its handle reconnects by itself afterwards.
#[derive(Clone)]
pub(crate) struct BusSlot(watch::Sender<Option<Arc<dyn OrchestratorBus>>>);

impl BusSlot {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// The bus; waits until there is one.
    pub(crate) async fn wait(&self) -> Arc<dyn OrchestratorBus> {
        let mut slot = self.0.subscribe();
        loop {
            if let Some(bus) = slot.borrow_and_update().clone() {
                return bus;
            }
            if slot.changed().await.is_err() {
                // The sender is in `self`: this cannot be.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether there is a bus, connected or not.
    pub(crate) fn is_filled(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Here it is.
    pub(crate) fn fill(&self, bus: Arc<dyn OrchestratorBus>) {
        self.0.send_replace(Some(bus));
    }

    /// Whether messages get through now.
    pub(crate) fn is_up(&self) -> bool {
        self.0
            .borrow()
            .as_ref()
            .is_some_and(|bus| bus.connection().current().up)
    }
}
