//! The passwords of a run's bus, one a role and node.

use std::collections::BTreeMap;

use hpcbench_core::NodeId;

use crate::{SECRET_BYTES, Secret};

/// Everybody's password. They last for an epoch: a restarted nats-server gets the same ones.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// The orchestrator's.
    pub orchestrator: Secret,
    /// The observers'.
    pub observer: Secret,
    /// Of whoever may cancel.
    pub control: Secret,
    /// The agents', by node.
    pub nodes: BTreeMap<NodeId, Secret>,
}

impl Passwords {
    /// New passwords from `random`, which must give other unpredictable bytes each time.
    pub fn generate(
        nodes: impl IntoIterator<Item = NodeId>,
        mut random: impl FnMut() -> [u8; SECRET_BYTES],
    ) -> Self {
        let mut next = || Secret::from_random(random());
        Self {
            orchestrator: next(),
            observer: next(),
            control: next(),
            nodes: nodes.into_iter().map(|node| (node, next())).collect(),
        }
    }
}
