//! Numbers and names that order a run's history.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::NodeId;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number after this one; the greatest is its own successor.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// An event's position in a run's log; gapless over all epochs, from 1. 0 stands before the first event.
    Seq(u64)
}

number! {
    /// One writer's life within a run, from 1.
    Epoch(u32)
}

number! {
    /// One execution of a trial, from 1.
    Attempt(u32)
}

/// One instance of the service: its node and its number there, from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(String);

impl InstanceId {
    /// The instance with this number on that node.
    pub fn new(node: &NodeId, index: u32) -> Self {
        Self(format!("{node}-{index}"))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The six phases of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Bus and agents start.
    Initialize,
    /// The service starts and becomes ready.
    Deploy,
    /// Logs are collected.
    Monitor,
    /// The clients reach the service.
    Connect,
    /// The trials run.
    Execute,
    /// Everything ends in order.
    Teardown,
}

impl Phase {
    /// The phase's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Deploy => "deploy",
            Self::Monitor => "monitor",
            Self::Connect => "connect",
            Self::Execute => "execute",
            Self::Teardown => "teardown",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The actors of a run, by the name that subjects and events carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Decides; the only one that holds state.
    Orchestrator,
    /// Starts, watches and stops service instances.
    Supervisor,
    /// Drives the load.
    ClientPool,
    /// Collects logs.
    LogCollector,
}

impl Actor {
    /// The actor's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orchestrator => "orchestrator",
            Self::Supervisor => "supervisor",
            Self::ClientPool => "client_pool",
            Self::LogCollector => "log_collector",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
