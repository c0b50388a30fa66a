//! Clients that share the nodes of the service.

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Cluster, Profile, Submission, data, summary};

use crate::submit::{RUN, slow};

#[test]
fn clients_on_the_nodes_of_the_service_are_told() -> Result<()> {
    let test = "clients_on_the_nodes_of_the_service_are_told";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let nodes = "{servers: {count: 2}, clients: {count: 2, placement: with_servers}}";
    let submission = Submission::of(&cluster, &slow().workload("duration", "1s").top("nodes", nodes))?;
    let job = submission.submit()?;
    submission.wait_end(&job, RUN)?;
    let events = submission.events()?;
    let hosts = &data(&events, "job.started")?["hosts"];
    let host = |node: &str| {
        hosts[node]
            .as_str()
            .with_context(|| format!("no {node} in {hosts}"))
    };
    ensure!(
        host("client-1")? == host("server-1")? && host("client-2")? == host("server-2")?,
        "{hosts}"
    );
    for trial in summary::trials(&submission.run())? {
        let reasons = trial["verdict"]["reasons"].to_string();
        ensure!(
            reasons.contains("the clients share nodes with the servers"),
            "{trial:#}"
        );
    }
    submission.expect_nothing_left()
}
