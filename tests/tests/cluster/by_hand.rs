//! `hpcbench run` in an allocation that somebody has already.

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Cluster, Hpcbench, Profile, Submission, data, of_type};

use crate::SOON;
use crate::submit::{RUN, slow};

/// What people ask for by hand: five whole nodes.
const NODES: [&str; 3] = ["-N5", "--exclusive", "--gres=gpu:1"];

/// `hpcbench run` of the recipe at the end of another command.
fn then_run(command: Hpcbench, submission: &Submission<'_>) -> Result<Hpcbench> {
    let program = hpcbench_tests::binary()?;
    let recipe = submission.workdir().path().join("recipe.yaml");
    Ok(command
        .arg(program)
        .arg("run")
        .arg(recipe)
        .arg("--run-dir")
        .arg(submission.run())
        .limit(RUN))
}

/// Where the log says that the orchestrator is, after a look that it is true and that all nodes took part.
fn orchestrator(submission: &Submission<'_>) -> Result<String> {
    let events = submission.events()?;
    let joined = of_type(&events, "node.joined");
    ensure!(joined.len() == 5, "{}", submission.diagnosis());
    let hosts = &data(&events, "job.started")?["hosts"];
    for event in joined {
        let (node, host) = (event["data"]["node"].as_str(), &event["data"]["facts"]["host"]);
        let node = node.context("a node without a name")?;
        ensure!(
            hosts[node] == *host,
            "{node} is on {host}, and the log says {hosts}"
        );
    }
    Ok(hosts["orchestrator"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_recipe_runs_within_an_allocation() -> Result<()> {
    let Some(cluster) = Cluster::up("a_recipe_runs_within_an_allocation", Profile::Plain)? else {
        return Ok(());
    };
    let recipe = slow().workload("duration", "1s");
    // From the login node, where salloc leaves people as a rule.
    let login = Submission::of(&cluster, &recipe)?;
    let salloc = cluster.on_login(login.workdir()).arg("salloc").args(NODES);
    let run = then_run(salloc, &login)?.run()?;
    ensure!(
        matches!(run.code, Some(0 | 1)) && run.stdout.contains("TTFT"),
        "{run}"
    );
    ensure!(
        run.stderr.contains("the orchestrator runs here, on ctl"),
        "nobody is told: {run}"
    );
    ensure!(orchestrator(&login)? == "ctl");
    login.expect_sound(1)?;

    // On the first node: in a step, as where salloc opens a shell there.
    let node = Submission::of(&cluster, &recipe)?;
    let salloc = cluster.on_login(node.workdir()).arg("salloc").args(NODES);
    let step = salloc.args(["srun", "-N1", "-n1", "--overlap"]);
    let run = then_run(step, &node)?.run()?;
    ensure!(matches!(run.code, Some(0 | 1)), "{run}");
    ensure!(orchestrator(&node)? == "node1");
    node.expect_sound(1)?;

    // In a job script of one's own, whose steps would get an empty environment.
    let script = Submission::of(&cluster, &recipe)?;
    let program = hpcbench_tests::binary()?;
    let wrap = format!("{} run recipe.yaml --run-dir runs/test", program.display());
    let arguments = ["--export=NONE", "-o", "out.txt", "--wrap", &wrap];
    let job = cluster.sbatch(script.workdir(), &[&NODES[..], &arguments].concat())?;
    script.wait_end(&job, RUN)?;
    ensure!(orchestrator(&script)? == "node1");
    script.expect_sound(1)
}

#[test]
fn what_an_allocation_lacks_is_told_before_anything_is_created() -> Result<()> {
    let test = "what_an_allocation_lacks_is_told_before_anything_is_created";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let submission = Submission::of(&cluster, &slow())?;
    let outside = submission.with_recipe("run")?.run()?.expect_code(2)?;
    ensure!(outside.stderr.contains("hpcbench submit"), "{outside}");
    let salloc = cluster
        .on_login(submission.workdir())
        .args(["salloc", "-N4", "--exclusive"]);
    let small = then_run(salloc, &submission)?.run()?.expect_code(3)?;
    ensure!(
        small
            .stderr
            .contains("the allocation has 4 nodes, and the run needs 5: none is left for client-2"),
        "{small}"
    );
    ensure!(!submission.run().exists(), "a run was created");
    // Slurm gives no step GPUs that the job has not.
    let salloc = cluster
        .on_login(submission.workdir())
        .args(["salloc", "-N5", "--gres=none"]);
    let lacking = then_run(salloc, &submission)?.run()?;
    ensure!(
        lacking.code.is_some_and(|code| code != 0)
            && lacking
                .stderr
                .contains("Invalid generic resource (gres) specification"),
        "{lacking}"
    );
    let events = submission.events()?;
    ensure!(
        of_type(&events, "trial.started").is_empty(),
        "a trial was started"
    );
    cluster.wait_idle(SOON)?;
    submission.expect_nothing_left()
}

#[test]
fn a_node_that_has_less_than_is_asked_for_is_told_before_the_first_trial() -> Result<()> {
    let test = "a_node_that_has_less_than_is_asked_for_is_told_before_the_first_trial";
    let Some(cluster) = Cluster::confined(test, Profile::Plain)? else {
        return Ok(());
    };
    // Two agents of one node share what is asked for it: two processors are one for each.
    let nodes = "{servers: {count: 1}, clients: {count: 1, agents_per_node: 2, cpus: 4}}";
    let recipe = slow().workload("duration", "1s").top("nodes", nodes);
    let shared = Submission::of(&cluster, &recipe)?;
    let job = shared.submit()?;
    shared.wait_events(1, "run.completed", RUN)?;
    shared.wait_end(&job, SOON)?;

    let nodes = "{servers: {count: 1, cpus: 4}, clients: {count: 1}}";
    let submission = Submission::of(&cluster, &slow().top("nodes", nodes))?;
    let job = submission.submit()?;
    let events = submission.wait_events(1, "run.paused", RUN)?;
    let reason = data(&events, "run.paused")?["reason"].to_string();
    ensure!(
        reason.contains(
            "has less than the recipe asks for: nodes.servers.cpus asks for 4 processors, and it may use"
        ),
        "{reason}"
    );
    ensure!(
        of_type(&events, "trial.started").is_empty(),
        "a trial was started"
    );
    submission.wait_end(&job, SOON)?;
    submission.expect_nothing_left()
}
