//! Where the agents of a run's nodes are started, and how.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use hpcbench_core::NodeId;

use crate::shell::AddressPolicy;

/// Where the agents of a run's nodes are started, and what those do that lose their orchestrator.
#[derive(Debug, Clone)]
pub struct Places {
    nodes: BTreeMap<NodeId, Place>,
    orphans: Orphans,
}

/// Where one node's agent is started, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// How the agent comes to run.
    pub start: AgentStart,
    /// The host, as the batch system names it; none: this one.
    pub host: Option<String>,
    /// Which address its programs listen on: the services of a server node, the bus of the orchestrator's.
    pub address: AddressPolicy,
}

/// How an agent comes to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentStart {
    /// As a child of the orchestrator's process: greeted over a pipe, whose end is its own.
    Child,
    /// By a program such as `srun` that starts it on another node: greeted by a file in the run directory. The words are put
    /// before the agent's own command line. The agent's standard input leads nowhere.
    Step {
        /// The program and its arguments.
        prefix: Vec<OsString>,
    },
}

/// What agents do that were started by [`AgentStart::Step`] and have lost the bus, and so the orchestrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphans {
    /// How long they wait. Then they end all that they have started, and themselves.
    pub timeout: Duration,
    /// What one of them runs afterwards, such as `scontrol requeue JOB`: the first node's agent that is left. Empty: nothing.
    pub hook: Vec<String>,
}

impl Place {
    /// On this machine, and for this machine alone.
    pub const fn local() -> Self {
        Self {
            start: AgentStart::Child,
            host: None,
            address: AddressPolicy::Loopback,
        }
    }
}

impl Places {
    /// The places of nodes; a node that is not named is on this machine, and for this machine alone.
    pub const fn new(nodes: BTreeMap<NodeId, Place>, orphans: Orphans) -> Self {
        Self { nodes, orphans }
    }

    /// All nodes on this machine, and for this machine alone.
    pub const fn local() -> Self {
        Self {
            nodes: BTreeMap::new(),
            orphans: Orphans {
                timeout: Duration::ZERO,
                hook: Vec::new(),
            },
        }
    }

    /// A node's place.
    pub fn of(&self, node: &NodeId) -> Place {
        self.nodes.get(node).cloned().unwrap_or_else(Place::local)
    }

    /// Whether any agent is started by a program of the batch system.
    pub(super) fn has_steps(&self) -> bool {
        self.nodes.values().any(Place::is_step)
    }

    /// Whether the orchestrator shares its host with another node: then its address is one that nodes have to reach.
    pub(super) fn share_a_host(&self) -> bool {
        let (steps, own): (Vec<&Place>, Vec<&Place>) = self.nodes.values().partition(|place| place.is_step());
        let mut hosts = own.iter().filter_map(|place| place.host.as_ref());
        hosts.any(|host| steps.iter().any(|step| step.host.as_ref() == Some(host)))
    }

    /// What an agent does that has lost its orchestrator; none: its end is that of its pipe. Only those that `can` run the hook take
    /// turns at it.
    pub(super) fn orphans(&self, node: &NodeId, can: impl Fn(&NodeId) -> bool) -> Option<(Orphans, u32)> {
        self.nodes.get(node).filter(|place| place.is_step())?;
        let mut able = self
            .nodes
            .iter()
            .filter(|(node, place)| place.is_step() && can(node));
        let Some(rank) = able.position(|(able, _)| able == node) else {
            let idle = Orphans {
                timeout: self.orphans.timeout,
                hook: Vec::new(),
            };
            return Some((idle, 0));
        };
        Some((self.orphans.clone(), u32::try_from(rank).unwrap_or(u32::MAX)))
    }
}

impl Place {
    const fn is_step(&self) -> bool {
        matches!(self.start, AgentStart::Step { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(token: &str) -> NodeId {
        token.parse().unwrap()
    }

    #[test]
    fn an_orchestrator_shares_the_host_of_a_step_or_has_its_own() {
        let place = |host: &str, start: AgentStart| Place {
            start,
            host: Some(host.to_owned()),
            address: AddressPolicy::Fastest,
        };
        let step = || AgentStart::Step { prefix: Vec::new() };
        let shared = |own: &str| {
            let nodes = [
                (node("client-1"), place("n1", step())),
                (node("server-1"), place("n2", step())),
                (node("orchestrator"), place(own, AgentStart::Child)),
            ];
            let orphans = Orphans {
                timeout: Duration::ZERO,
                hook: Vec::new(),
            };
            Places::new(nodes.into(), orphans).share_a_host()
        };
        assert!(shared("n1") && !shared("n3") && !Places::local().share_a_host());
    }

    #[test]
    fn only_steps_have_a_rank_and_it_has_no_gaps() {
        let step = || Place {
            start: AgentStart::Step {
                prefix: vec!["srun".into()],
            },
            host: Some("n1".to_owned()),
            address: AddressPolicy::Fastest,
        };
        let nodes = [
            (node("client-1"), step()),
            (node("orchestrator"), Place::local()),
            (node("server-1"), step()),
        ];
        let orphans = Orphans {
            timeout: Duration::from_mins(1),
            hook: vec!["true".to_owned()],
        };
        let places = Places::new(nodes.into(), orphans.clone());
        assert!(places.has_steps() && !Places::local().has_steps());
        let rank = |token: &str| places.orphans(&node(token), |_| true);
        assert_eq!(rank("client-1"), Some((orphans.clone(), 0)));
        assert_eq!(rank("server-1"), Some((orphans.clone(), 1)));
        assert_eq!(rank("orchestrator"), None);
        // One that cannot run the hook keeps nobody waiting.
        let rank = |token: &str| places.orphans(&node(token), |other| *other != node("client-1"));
        assert_eq!(rank("server-1"), Some((orphans.clone(), 0)));
        let (idle, _) = rank("client-1").unwrap();
        assert_eq!((idle.timeout, idle.hook.len()), (orphans.timeout, 0));
        assert_eq!(places.of(&node("client-2")), Place::local());
    }
}
