//! Events of clients before the load.

use serde::{Deserialize, Serialize};

use crate::{InstanceId, NodeId};

/// Data of `client.requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRequested {
    /// Which client node.
    pub node: NodeId,
    /// The endpoints to try, by instance.
    pub endpoints: Vec<(InstanceId, String)>,
}

/// One endpoint as a client found it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointProbe {
    /// Base URL.
    pub url: String,
    /// Seconds to open a connection.
    pub connect_seconds: f64,
}

/// Data of `client.connected`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientConnected {
    /// Which client node.
    pub node: NodeId,
    /// What it found.
    pub probes: Vec<EndpointProbe>,
}

/// Data of `client.failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientFailed {
    /// Which client node.
    pub node: NodeId,
    /// What went wrong.
    pub reason: String,
}
