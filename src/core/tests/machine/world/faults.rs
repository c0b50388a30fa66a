//! Where the world can go wrong, and how.

use hpcbench_core::{Attempt, InstanceId, NodeId, TrialId};

/// Something that the world was just asked to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Point {
    /// Start the bus.
    Bus(u32),
    /// Start an agent.
    Agent(NodeId, u32),
    /// Start a service instance.
    Service(InstanceId, u32),
    /// Stop a service instance.
    StopService(InstanceId),
    /// Collect logs.
    Collect(NodeId),
    /// Finish the logs and end the agent.
    Finish(NodeId),
    /// Try the endpoints.
    Connect(NodeId),
    /// Get ready for an attempt.
    Prepare(NodeId, TrialId, Attempt),
    /// Drive the load of an attempt.
    Load(NodeId, TrialId, Attempt),
    /// Give an attempt up.
    StopAttempt(NodeId, TrialId, Attempt),
    /// Read the service's counters after an attempt's load.
    Observe(NodeId, TrialId, Attempt),
    /// Put the shares together.
    Measure(TrialId, Attempt),
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It works.
    None,
    /// Whoever was asked says that it does not work.
    Fails,
    /// Nobody ever answers.
    Silent,
    /// It works, so many milliseconds later than usual.
    Late(u64),
    /// It works, but so many milliseconds later its process ends: the bus, the service, or else the agent.
    EndsAfter(u64),
    /// The agent that was asked stops doing anything, and sends no more heartbeats.
    Freezes,
}

/// Decides what becomes of each thing that the world is asked to do.
pub(crate) type Luck = Box<dyn FnMut(&Point) -> Fault>;
