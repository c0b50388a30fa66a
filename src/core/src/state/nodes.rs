//! Nodes, as the orchestrator knows them.

use serde::Serialize;

use crate::{Role, Timestamp};

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// What it is for.
    pub role: Role,
    /// Starts of its agent in this epoch.
    pub launches: u32,
    /// Losses in a row.
    pub losses: u32,
    /// Whether its agent has not joined in this epoch yet: it may be that it cannot.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub is_unreached: bool,
    /// How it stands.
    pub status: NodeStatus,
    /// Its log collector.
    pub collection: Collection,
    /// Its clients; only on client nodes.
    pub client: Client,
    /// Where the way to it is measured, if it can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// How a node stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum NodeStatus {
    /// Its agent is to be started.
    Requested {
        /// Since when.
        since: Timestamp,
    },
    /// Its agent is there.
    Joined {
        /// The agent's boot id.
        boot: String,
        /// Since when.
        since: Timestamp,
    },
    /// It is gone without having been told to go.
    Lost {
        /// Since when.
        since: Timestamp,
        /// How that was noticed.
        reason: String,
    },
    /// It was lost too often: the run goes on without it.
    GivenUp {
        /// How it was lost last.
        reason: String,
    },
    /// Its agent ended in order.
    Left,
}

/// A node's log collector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "collection", rename_all = "snake_case")]
pub enum Collection {
    /// Not asked for yet.
    #[default]
    Absent,
    /// To begin.
    Requested {
        /// Since when.
        since: Timestamp,
    },
    /// At work.
    Running,
    /// To finish.
    StopRequested {
        /// Since when.
        since: Timestamp,
    },
    /// Complete.
    Stopped {
        /// Since when.
        since: Timestamp,
    },
}

/// A node's clients, before the load.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "client", rename_all = "snake_case")]
pub enum Client {
    /// Not asked yet, or the endpoints have changed since.
    #[default]
    Absent,
    /// To try the endpoints.
    Requested {
        /// Since when.
        since: Timestamp,
    },
    /// The endpoints answer.
    Connected,
    /// The endpoints do not answer.
    Failed {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: String,
    },
}

impl Node {
    /// Whether its agent is there.
    pub const fn is_joined(&self) -> bool {
        matches!(self.status, NodeStatus::Joined { .. })
    }

    /// Whether its agent is neither there nor expected.
    pub const fn is_gone(&self) -> bool {
        matches!(
            self.status,
            NodeStatus::Lost { .. } | NodeStatus::GivenUp { .. } | NodeStatus::Left
        )
    }

    /// Whether the run goes on without it.
    pub const fn is_given_up(&self) -> bool {
        matches!(self.status, NodeStatus::GivenUp { .. })
    }
}
