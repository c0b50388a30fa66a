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

/// The way from a client to a server node, as the client measured it once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkProbe {
    /// The server node.
    pub node: NodeId,
    /// Where it was reached.
    pub address: String,
    /// The shortest of some round trips, seconds.
    pub rtt_seconds: Option<f64>,
    /// What went through to the server, bits a second. Clients measure at the same time, and share what they share.
    pub bits_per_second: Option<f64>,
    /// For how long was sent, seconds.
    pub seconds: Option<f64>,
    /// Why nothing was measured, if so.
    pub problem: Option<String>,
}

/// Data of `client.connected`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientConnected {
    /// Which client node.
    pub node: NodeId,
    /// What it found.
    pub probes: Vec<EndpointProbe>,
    /// The ways to the server nodes; measured when the client connects for the first time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkProbe>,
}

/// Data of `client.failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientFailed {
    /// Which client node.
    pub node: NodeId,
    /// What went wrong.
    pub reason: String,
}
