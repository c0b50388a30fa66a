//! How long services took until they could be measured: cluster users wait for that, and pay for it.

use hpcbench_core::event::ServiceReady;
use hpcbench_core::{Epoch, InstanceId, NodeId, State};
use serde::Serialize;

/// A start of a service instance that became ready.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceStart {
    /// The instance.
    pub instance: InstanceId,
    /// Where it runs; of an instance that spans nodes, where its first process does.
    pub node: NodeId,
    /// Index of its configuration among the plan's services.
    pub service: usize,
    /// The writer's life in which it started.
    pub epoch: Epoch,
    /// Which start of the instance in this epoch.
    pub launch: u32,
    /// Seconds before its launch in which its image and its model were brought to the node; none where it had neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outfit_seconds: Option<f64>,
    /// Seconds from its launch until it was ready.
    pub ready_seconds: f64,
    /// Seconds to load the model: after it had become ready, where the server does that only when it is asked to; else a part of
    /// `ready_seconds`. None: nothing tells.
    pub load_seconds: Option<f64>,
    /// Seconds from the very first request to its first token, once the model is loaded.
    pub first_token_seconds: Option<f64>,
}

impl ServiceStart {
    /// The start that ended like this; `state` is that before it. None of a service that is not in place any more.
    pub(super) fn of(state: &State, ready: &ServiceReady) -> Option<Self> {
        let deployment = state.deployment.as_ref()?;
        let instance = deployment.instances.get(&ready.instance)?;
        Some(Self {
            instance: ready.instance.clone(),
            node: instance.node.clone(),
            service: instance.service,
            epoch: state.epoch,
            launch: ready.launch,
            outfit_seconds: ready.outfit_seconds,
            ready_seconds: ready.seconds,
            load_seconds: ready.load_seconds,
            first_token_seconds: ready.first_token_seconds,
        })
    }
}
