//! Plans for tests.

use hpcbench_recipes::{Plan, PlannedNode, Role};
use serde_json::{Value, json};

use crate::site::Site;

/// A plan with this `launch` and these `nodes`, as a recipe would say them, and agents as many as they say.
#[expect(clippy::needless_pass_by_value, reason = "written where it is used")]
pub(crate) fn plan(mut launch: Value, nodes: Value) -> Plan {
    launch["mode"] = json!("slurm");
    let document = json!({
        "version": 1, "hash": "", "name": "test-run", "description": "", "metadata": {}, "schema": "hpcbench/v1",
        "recipe_sha256": "", "overrides": [], "seed": 1, "launch": launch, "resources": nodes, "network": {},
        "storage": {}, "nodes": [], "services": [], "trials": [], "monitoring": {}, "logging": {}, "report": {},
    });
    let mut plan: Plan = serde_json::from_value(document).unwrap();
    let (servers, clients) = (&plan.resources.servers, &plan.resources.clients);
    let clients = clients.count.get() * clients.agents_per_node.get();
    let named = [
        (Role::Orchestrator, 1),
        (Role::Server, servers.count.get()),
        (Role::Client, clients),
    ];
    plan.nodes = named
        .into_iter()
        .flat_map(|(role, count)| {
            (1..=count).map(move |number| {
                let name = if count == 1 {
                    role.to_string()
                } else {
                    format!("{role}-{number}")
                };
                PlannedNode {
                    node: name.parse().unwrap(),
                    role,
                }
            })
        })
        .collect();
    plan
}

/// The two Ollama servers, two clients and one orchestrator node that the guide begins with.
pub(crate) fn example() -> Plan {
    plan(
        json!({
            "account": "p200981", "partition": "gpu", "qos": "default", "time_limit": "01:00:00",
            "modules": ["env/release/2024.1", "Apptainer/1.3.6-GCCcore-13.3.0"],
        }),
        json!({
            "servers": {"count": 2, "gpus": 2, "memory": "32GiB"}, "clients": {"count": 2},
            "orchestrator": {"placement": "dedicated"},
        }),
    )
}

/// GPU servers and CPU clients: a heterogeneous job.
pub(crate) fn two_partitions() -> Plan {
    plan(
        json!({"account": "p200981", "qos": "default", "time_limit": "2-00:00:00", "directives": ["--mail-type=END"]}),
        json!({
            "servers": {"count": 2, "gpus": 4, "cpus": 32, "memory": "128GiB", "constraint": "a100", "partition": "gpu"},
            "clients": {"count": 2, "cpus": 16, "memory": "16GiB", "partition": "cpu"},
        }),
    )
}

/// The site that comes with the program.
pub(crate) fn generic() -> Site {
    Site::load("generic", &[]).unwrap()
}
