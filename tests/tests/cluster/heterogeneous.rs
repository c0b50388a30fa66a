//! Roles in different partitions: jobs of several components.

use std::fs;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Cluster, Profile, Recipe, Submission, data, of_type};
use serde_json::Value;

use crate::SOON;
use crate::submit::{RUN, slow};

/// A site whose servers and clients live in different partitions, as the recipe need not know.
pub(crate) fn site(cluster: &Cluster) -> Result<()> {
    let folder = cluster.home().join(".config/hpcbench/sites");
    fs::create_dir_all(&folder)?;
    let text = "partitions: {servers: gpu, clients: cpu}\naccount_required: true\ntime_limit: \"00:05:00\"\n";
    Ok(fs::write(folder.join("testbed.yaml"), text)?)
}

pub(crate) fn in_partitions(recipe: Recipe, placement: &str) -> Recipe {
    recipe
        .top("launch", "{mode: slurm, site: testbed, account: p200001}")
        .top(
            "nodes",
            &format!(
                "{{servers: {{count: 2, gpus: 2, cpus: 2, memory: 1GiB}}, clients: {{count: 2, cpus: 2}}, \
                 orchestrator: {{placement: {placement}}}}}"
            ),
        )
}

/// The hosts of these nodes, in order.
fn hosts<'e>(events: &'e [Value], nodes: &[&str]) -> Result<Vec<&'e str>> {
    let hosts = &data(events, "job.started")?["hosts"];
    let host = |node: &&str| {
        hosts[*node]
            .as_str()
            .with_context(|| format!("no {node} in {hosts}"))
    };
    nodes.iter().map(host).collect()
}

fn run(cluster: &Cluster, placement: &str) -> Result<Vec<Value>> {
    let submission = Submission::of(
        cluster,
        &in_partitions(slow().workload("duration", "1s"), placement),
    )?;
    let waited = submission.submitting()?.arg("--wait").limit(RUN).run()?;
    ensure!(
        matches!(waited.code, Some(0 | 1)),
        "{waited}\n{}",
        submission.diagnosis()
    );
    let job = waited.stdout.lines().next().context("no job id")?;
    for component in 0..2 {
        submission.wait_end(&format!("{job}+{component}"), SOON)?;
    }
    let events = submission.events()?;
    let started = data(&events, "job.started")?;
    ensure!(
        started["job"] == job && started["partitions"] == serde_json::json!(["cpu", "gpu"]),
        "{started:#}"
    );
    for joined in of_type(&events, "node.joined") {
        let facts = &joined["data"]["facts"];
        let gpus = facts["gpus"].as_array().map_or(0, Vec::len);
        let wanted = if joined["data"]["role"] == "server" { 2 } else { 0 };
        ensure!(gpus == wanted, "{joined:#}");
    }
    submission.expect_sound(1)?;
    Ok(events)
}

#[test]
fn servers_and_clients_of_a_job_have_partitions_of_their_own() -> Result<()> {
    let test = "servers_and_clients_of_a_job_have_partitions_of_their_own";
    let Some(cluster) = Cluster::up(test, Profile::Site)? else {
        return Ok(());
    };
    site(&cluster)?;
    let shared = run(&cluster, "shared")?;
    let clients = hosts(&shared, &["orchestrator", "client-1", "client-2"])?;
    ensure!(
        clients[0] == clients[1] && clients[1] != clients[2],
        "the orchestrator shares its host with the first client: {clients:?}"
    );
    ensure!(hosts(&shared, &["server-1", "server-2"])? == ["node4", "node5"]);
    let dedicated = run(&cluster, "dedicated")?;
    let mut clients = hosts(&dedicated, &["orchestrator", "client-1", "client-2"])?;
    clients.sort_unstable();
    ensure!(clients == ["node1", "node2", "node3"], "{clients:?}");
    Ok(())
}
