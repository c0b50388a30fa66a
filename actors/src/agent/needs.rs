//! Whether a node has what the recipe asks for.

use std::num::NonZeroU32;

use hpcbench_core::{NodeId, Role};
use hpcbench_recipes::Plan;
use hpcbench_recipes::recipe::Nodes;

use super::process::AgentError;
use crate::shell::{NodeResources, hostname};

/// Refuses a node that has less than the recipe asks for.
///
/// # Errors
/// It has; the error says what it lacks.
pub(crate) fn refuse_lack(
    plan: &Plan,
    node: &NodeId,
    role: Role,
    found: &NodeResources,
) -> Result<(), AgentError> {
    let lacking = lacking(&plan.resources, role, found);
    if lacking.is_empty() {
        return Ok(());
    }
    Err(AgentError::Lacking {
        node: node.clone(),
        host: hostname(),
        lacking,
    })
}

/// What a node lacks of what the recipe asks for, in words; empty: nothing.
fn lacking(asked: &Nodes, role: Role, found: &NodeResources) -> Vec<String> {
    let mut lacking = Vec::new();
    let (cpus, memory) = match role {
        Role::Server => (asked.servers.cpus, asked.servers.memory),
        Role::Client => (asked.clients.cpus, asked.clients.memory),
        Role::Orchestrator => (asked.orchestrator.cpus, asked.orchestrator.memory),
    };
    let mut count = |what: &str, key: String, wanted: u64, found: u64| {
        if wanted > found {
            lacking.push(format!("{key} asks for {wanted} {what}, and it may use {found}"));
        }
    };
    let section = match role {
        Role::Server => "nodes.servers",
        Role::Client => "nodes.clients",
        Role::Orchestrator => "nodes.orchestrator",
    };
    let usable = found.cpus.len() as u64;
    if let Some(cpus) = cpus {
        let (key, wanted) = processors(asked, role, cpus);
        count("processors", format!("{section}.cpus{key}"), wanted, usable);
    }
    if role == Role::Server {
        let servers = &asked.servers;
        let instances = u64::from(servers.instances_per_node.get());
        let gpus = found.gpus.len() as u64;
        count("GPUs", format!("{section}.gpus"), servers.gpus.into(), gpus);
        let each = u64::from(servers.gpus_per_instance.unwrap_or(0));
        let key = format!("{section}.gpus_per_instance for {instances} instances");
        count("GPUs", key, each * instances, gpus);
        let each = servers.cpus_per_instance.map_or(0, |cpus| u64::from(cpus.get()));
        let key = format!("{section}.cpus_per_instance for {instances} instances");
        count("processors", key, each * instances, usable);
    }
    if let Some(memory) = memory {
        let limit = found.memory_limit.unwrap_or(u64::MAX).min(found.memory);
        count(
            "bytes of memory",
            format!("{section}.memory"),
            memory.as_bytes(),
            limit,
        );
    }
    lacking
}

/// How many processors one agent is to have, and how that comes about: those of a node share what is asked for it.
fn processors(asked: &Nodes, role: Role, cpus: NonZeroU32) -> (String, u64) {
    let agents = asked.clients.agents_per_node.get();
    if role != Role::Client || agents == 1 {
        return (String::new(), cpus.get().into());
    }
    let each = (cpus.get() / agents).max(1);
    (format!(" for each of {agents} agents"), each.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(json: &str) -> Nodes {
        serde_json::from_str(json).unwrap()
    }

    fn found(cpus: usize, gpus: &[&str], memory_limit: Option<u64>) -> NodeResources {
        NodeResources {
            cpus: (0..cpus).collect(),
            cores: Vec::new(),
            memory_limit,
            memory: 64 << 30,
            gpus: gpus.iter().map(|gpu| (*gpu).to_owned()).collect(),
            open_files: 1024,
            locked_memory: None,
        }
    }

    #[test]
    fn nothing_is_asked_for_by_default() {
        assert!(lacking(&Nodes::default(), Role::Server, &found(1, &[], None)).is_empty());
    }

    #[test]
    fn each_thing_that_lacks_is_named() {
        let asked = nodes(
            r#"{"servers": {"cpus": 8, "gpus": 4, "memory": "32GiB", "instances_per_node": 4,
                "gpus_per_instance": 1, "cpus_per_instance": 2}}"#,
        );
        let enough = found(8, &["0", "1", "2", "3"], Some(32 << 30));
        assert!(lacking(&asked, Role::Server, &enough).is_empty());
        let less = found(4, &["0"], Some(16 << 30));
        let words = lacking(&asked, Role::Server, &less);
        assert_eq!(words.len(), 5, "{words:#?}");
        assert_eq!(
            words[0],
            "nodes.servers.cpus asks for 8 processors, and it may use 4"
        );
        assert!(lacking(&asked, Role::Client, &less).is_empty());
    }

    #[test]
    fn the_agents_of_a_node_share_its_processors() {
        let asked = nodes(r#"{"clients": {"cpus": 9, "agents_per_node": 2}, "servers": {"cpus": 8}}"#);
        assert!(lacking(&asked, Role::Client, &found(4, &[], None)).is_empty());
        let words = lacking(&asked, Role::Client, &found(3, &[], None));
        assert_eq!(
            words,
            ["nodes.clients.cpus for each of 2 agents asks for 4 processors, and it may use 3"]
        );
        assert_eq!(lacking(&asked, Role::Server, &found(7, &[], None)).len(), 1);
        let few = nodes(r#"{"clients": {"cpus": 1, "agents_per_node": 2}}"#);
        assert!(lacking(&few, Role::Client, &found(1, &[], None)).is_empty());
    }

    #[test]
    fn without_a_limit_the_machines_memory_counts() {
        let asked = nodes(r#"{"clients": {"memory": "65GiB"}}"#);
        assert_eq!(lacking(&asked, Role::Client, &found(1, &[], None)).len(), 1);
        let asked = nodes(r#"{"clients": {"memory": "64GiB"}}"#);
        assert!(lacking(&asked, Role::Client, &found(1, &[], None)).is_empty());
    }
}
