//! What goes wrong with requests, by kind, as summaries tell it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::trials;
use hpcbench_tests::{Recipe, Workdir};

/// What the service does to a tenth of its requests each, and what the summary calls it.
const FAULTS: [(&str, &str); 7] = [
    ("status=500", "http_status"),
    ("cut-after=3", "cut_stream"),
    ("malformed-after=3", "malformed"),
    ("error-event-after=3", "server"),
    ("role-only", "empty"),
    ("stall-before-first", "timeout_first_token"),
    ("stall-after=3", "timeout_stream"),
];

/// The kinds of errors in the only trial of a run, which is invalid for them.
fn told(recipe: &Recipe) -> Result<BTreeSet<String>> {
    let workdir = Workdir::new()?;
    let finished = workdir.bench(recipe)?.run()?.expect_code(1)?;
    let trial = trials(&workdir.run())?.remove(0);
    ensure!(trial["verdict"]["status"] == "invalid", "{trial}");
    let errors = trial["errors"].as_object();
    let errors = errors.with_context(|| format!("no errors: {finished}"))?;
    Ok(errors.keys().cloned().collect())
}

#[test]
fn every_fault_of_the_service_has_its_kind() -> Result<()> {
    // A request takes 300 ms where it stalls and 24 ms at most else, some 80 ms on average: 8 users make 300 in three seconds.
    // That a fault which strikes one of ten is not among them has a probability of 0.9^300.
    let faults = FAULTS
        .map(|(fault, _)| format!("{{share: 0.1, fault: {fault}}}"))
        .join(", ");
    let recipe = Recipe::simulated()
        .service(
            "options",
            &format!("{{ttft: 10ms, itl: 2ms, faults: [{faults}]}}"),
        )
        .workload("load", "{shape: closed, concurrency: 8}")
        .workload("duration", "3s")
        .workload("timeout", "300ms");
    let told = told(&recipe)?;
    let missing = FAULTS.iter().find(|(_, kind)| !told.contains(*kind));
    ensure!(
        missing.is_none() && told.len() == FAULTS.len(),
        "{missing:?} of {told:?}"
    );
    Ok(())
}

#[test]
fn a_service_that_closes_connections_under_requests_is_told() -> Result<()> {
    let recipe = Recipe::simulated()
        .service(
            "options",
            "{ttft: 10ms, itl: 2ms, faults: [{share: 0.3, fault: close-before-headers}]}",
        )
        .workload("duration", "2s");
    let told = told(&recipe)?;
    // Whether the connection had carried a request before decides which.
    let known = ["stale_connection", "cut_stream"];
    ensure!(
        !told.is_empty() && told.iter().all(|kind| known.contains(&kind.as_str())),
        "{told:?}"
    );
    Ok(())
}
