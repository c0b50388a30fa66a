//! A service over Ray, whose nodes have a network each.

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{
    Apptainer, Cluster, LlamaImage, Profile, Recipe, Submission, VllmStandIn, data, expect_no_file_with,
    of_type, ray, summary,
};

use crate::containers::site;
use crate::submit::RUN;

#[test]
fn ray_spans_two_nodes_of_a_job() -> Result<()> {
    let test = "ray_spans_two_nodes_of_a_job";
    let Some(ray) = ray(test)? else {
        return Ok(());
    };
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let world = cluster.workdir()?;
    let vllm = VllmStandIn::over_ray(&world, &ray)?;
    let recipe = vllm.recipe_over_ray(&ray)?.on_five_nodes();
    expect_two_nodes(&cluster, &vllm, recipe)
}

#[test]
fn ray_spans_containers_on_two_nodes() -> Result<()> {
    let test = "ray_spans_containers_on_two_nodes";
    let Some(ray) = ray(test)? else {
        return Ok(());
    };
    let Some(apptainer) = Apptainer::get(test)? else {
        return Ok(());
    };
    let Some(llama) = LlamaImage::get(test, &apptainer)? else {
        return Ok(());
    };
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    site(&cluster, &apptainer)?;
    let world = cluster.workdir()?;
    let vllm = VllmStandIn::over_ray(&world, &ray)?;
    let recipe = vllm
        .recipe_over_ray_in(&llama.image, &ray)?
        .on_five_nodes()
        .top("launch", "{mode: slurm, site: testbed, time_limit: \"00:05:00\"}");
    expect_two_nodes(&cluster, &vllm, recipe)
}

/// Runs it as a job that has its workers on two nodes.
fn expect_two_nodes(cluster: &Cluster, vllm: &VllmStandIn, recipe: Recipe) -> Result<()> {
    let recipe = recipe.top("sweep", "{repetitions: 1}");
    let submission = Submission::of(cluster, &recipe)?;
    let waited = submission.submitting()?.arg("--wait").limit(2 * RUN).run()?;
    ensure!(
        matches!(waited.code, Some(0 | 1)),
        "{waited}\n{}",
        submission.diagnosis()
    );
    // A worker on each of two nodes, which know each other by the addresses of the job's network.
    let seen = vllm.seen()?;
    assert_eq!(seen["nodes"], 2, "{seen}");
    let workers = seen["workers"].as_array().context("no workers")?;
    let addresses: Vec<&str> = workers.iter().filter_map(|worker| worker[1].as_str()).collect();
    ensure!(
        addresses.len() == 2 && addresses[0] != addresses[1],
        "{addresses:?}"
    );
    ensure!(
        addresses.iter().all(|address| address.starts_with("10.77.0.1")),
        "{addresses:?}"
    );
    for secret in ["token", "key"] {
        let secret = seen[secret].as_str().context("no secret")?;
        expect_no_file_with(secret, &submission.run(), &[])?;
    }
    let events = submission.events()?;
    // Ray on each of the nodes, and vLLM on the first.
    assert_eq!(of_type(&events, "service.launched").len(), 3);
    ensure!(data(&events, "service.ready")?["seconds"].is_number());
    for trial in summary::trials(&submission.run())? {
        ensure!(trial["verdict"]["status"] != "invalid", "{trial:#}");
        assert_eq!(summary::count(&trial, "/requests/error")?, 0, "{trial:#}");
    }
    let job = waited.stdout.lines().next().context("no job id")?;
    submission.wait_end(job, RUN)?;
    submission.expect_nothing_left()
}
