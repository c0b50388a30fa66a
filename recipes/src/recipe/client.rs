//! How a client node makes the load: its connections and its threads.

use std::num::NonZeroU16;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Duration;

/// Whether requests share connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "snake_case", deny_unknown_fields)]
pub enum Connections {
    /// A connection carries one request after the other, as long as the server keeps it.
    Reuse {
        /// Age from which on a connection gets no further request; none: there is no such age.
        #[serde(default)]
        max_age: Option<Duration>,
    },
    /// Each request has a connection of its own, and its first token waits for that too.
    Fresh {},
}

impl Default for Connections {
    fn default() -> Self {
        Self::Reuse { max_age: None }
    }
}

/// The threads that make the load, on each client node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Engine {
    /// How many there are; none: one fewer than the processor cores that the client may use, or, where each would then have more
    /// than a thousand users of a closed load, as many.
    #[schemars(range(min = 1, max = 256))]
    pub threads: Option<NonZeroU16>,
    /// Whether each has a processor core of its own.
    pub pin: Pin,
    /// Whether the cores that the threads may run on are kept from sleeping while the load runs, by threads that give way to
    /// everything else in their control group. A core that sleeps wakes up late, most of all in a virtual machine, and that
    /// counts as the client's lag. Not for cores that a service in another container or another step of the job computes
    /// on. Left out where the client's processor time is limited, as in some containers: it would use that up.
    pub keep_awake: bool,
}

/// Whether each engine thread has a processor core of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pin {
    /// In a Slurm job, where the client was given some of the node's cores, and more than threads: nobody else is on them.
    #[default]
    Auto,
    /// Wherever there are as many cores as threads.
    Always,
    /// Threads run where the system likes.
    Never,
}
