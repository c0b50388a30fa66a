//! An event as the log holds it: an envelope of known fields around data of any shape.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{NodeId, Seq, Timestamp};

/// An event before the journal has given it a place in the history.
#[derive(Debug, Clone)]
pub struct Draft {
    /// When it happened, by the writer's clock.
    pub at: Timestamp,
    /// `noun.past_participle`.
    pub kind: String,
    /// Schema version of `data` for this type.
    pub version: u16,
    /// Who says so: `orchestrator`, `supervisor`, `client_pool`, `log_collector`.
    pub actor: String,
    /// On which node.
    pub node: NodeId,
    /// What the event belongs to: the run, a trial's attempt, a service instance.
    pub correlation: String,
    /// The event that caused it.
    pub causation: Option<Seq>,
    /// The type's own fields: a JSON object.
    pub data: Box<RawValue>,
}

/// An event read back from the log. The journal has checked `prev` and `sum`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RawEvent {
    /// Position in the history.
    pub seq: Seq,
    /// When it happened, by the writer's clock.
    pub at: Timestamp,
    /// `noun.past_participle`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Schema version of `data` for this type.
    #[serde(rename = "v")]
    pub version: u16,
    /// Who says so.
    pub actor: String,
    /// On which node.
    pub node: NodeId,
    /// What the event belongs to.
    pub correlation: String,
    /// The event that caused it.
    pub causation: Option<Seq>,
    /// The type's own fields.
    pub data: Box<RawValue>,
}
