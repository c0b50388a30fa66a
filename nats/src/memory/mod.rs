//! A bus without nats-server, for tests of those who use one.
//!
//! It keeps the promises of the real one and no more: a report comes again until it is acknowledged, the EVENTS stream
//! takes an event only at its place, a connection can break and a store can be lost. All of it happens in a definite
//! order and only when the test says so; waiting uses tokio's clock, which a test may pause.

mod hub;
mod roles;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hpcbench_core::NodeId;

use crate::EventLine;
use hub::Hub;
pub use roles::{MemoryAgent, MemoryControl, MemoryObserver, MemoryOrchestrator};

/// The bus, with one reader for each kind of message (events have many). Clones are the same bus; the streams of its handles end with the last clone and handle.
#[derive(Debug, Clone)]
pub struct MemoryBus(Arc<Hub>);

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryBus {
    /// A bus with an empty store, connected.
    pub fn new() -> Self {
        Self(Arc::new(Hub::new()))
    }

    /// The orchestrator's handle.
    pub fn orchestrator(&self) -> MemoryOrchestrator {
        MemoryOrchestrator(Arc::clone(&self.0))
    }

    /// An agent's handle.
    pub fn agent(&self, node: NodeId) -> MemoryAgent {
        MemoryAgent {
            hub: Arc::clone(&self.0),
            node,
        }
    }

    /// An observer's handle.
    pub fn observer(&self) -> MemoryObserver {
        MemoryObserver(Arc::clone(&self.0))
    }

    /// The handle of whoever controls the run from outside.
    pub fn control(&self) -> MemoryControl {
        MemoryControl(Arc::clone(&self.0))
    }

    /// Breaks everybody's connection: requests in flight fail, nothing gets through.
    pub fn disconnect(&self) {
        self.0.connection.disconnected();
        self.0.change(|state| state.up = false);
    }

    /// Restores everybody's connection.
    pub fn reconnect(&self) {
        self.0.change(|state| state.up = true);
        self.0.connection.connected();
    }

    /// Loses both streams with all that is in them, as a restart with an empty store does.
    pub fn lose_store(&self) {
        self.0.change(|state| {
            state.events = None;
            state.reports = None;
        });
    }

    /// Delivers every report without acknowledgement once more.
    pub fn redeliver(&self) {
        self.0
            .change(|state| state.reports.iter_mut().for_each(state::Reports::redeliver));
    }

    /// What the EVENTS stream holds.
    pub fn events(&self) -> Vec<EventLine> {
        self.0.look(|state| state.events.clone().unwrap_or_default())
    }
}
