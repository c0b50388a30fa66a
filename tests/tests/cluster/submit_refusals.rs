//! Recipes that are no job of this cluster.

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Cluster, Hpcbench, Profile, Recipe, Submission};

use crate::submit::{RUN, slow};

/// A recipe that the cluster takes, with these changes.
fn recipe(launch: &str, nodes: &str) -> Recipe {
    let launch = format!("\n  mode: slurm\n  time_limit: \"00:05:00\"{launch}");
    let nodes = format!("\n  servers: {{count: 1}}{nodes}");
    slow().top("launch", &launch).top("nodes", &nodes)
}

const ACCOUNT: &str = "\n  account: p200001";

/// `hpcbench submit` of the recipe says no with this exit code, these words, and the line of the recipe that has this text; and
/// leaves nothing.
fn expect_refused(cluster: &Cluster, recipe: &Recipe, code: i32, words: &str, line: &str) -> Result<()> {
    let submission = Submission::of(cluster, recipe)?;
    for only in [Some("--test-only"), None] {
        let refused = submission.submitting()?.args(only).run()?.expect_code(code)?;
        ensure!(refused.stderr.contains(words), "no {words:?} in {refused}");
        ensure!(refused.stdout.is_empty(), "{refused}");
        let text = recipe.text();
        let number = text.lines().position(|known| known.contains(line));
        let number = number.with_context(|| format!("no {line:?} in {text}"))? + 1;
        ensure!(
            refused.stderr.contains(&format!("recipe.yaml:{number}:")),
            "not line {number} of the recipe: {refused}"
        );
    }
    ensure!(!submission.run().exists(), "a run directory is left");
    ensure!(cluster.squeue()?.is_empty(), "there is a job");
    Ok(())
}

#[test]
fn what_slurm_refuses_leads_to_the_line_of_the_recipe() -> Result<()> {
    let test = "what_slurm_refuses_leads_to_the_line_of_the_recipe";
    let Some(cluster) = Cluster::up(test, Profile::Site)? else {
        return Ok(());
    };
    let with = |more: &str| recipe(&format!("{ACCOUNT}{more}"), "");
    let cases = [
        (
            recipe("\n  account: nobody", ""),
            "Invalid account",
            "account: nobody",
        ),
        (recipe("", ""), "Invalid account", "mode: slurm"),
        (
            with("\n  partition: fast"),
            "invalid partition specified: fast",
            "partition: fast",
        ),
        (with("\n  qos: gold"), "Invalid qos", "qos: gold"),
        (
            recipe(ACCOUNT, "\n  clients: {count: 9}"),
            "Node count specification invalid",
            "count: 9",
        ),
        (
            recipe(ACCOUNT, "\n  clients: {constraint: quantum}"),
            "Invalid feature specification",
            "constraint: quantum",
        ),
    ];
    for (recipe, words, line) in cases {
        expect_refused(&cluster, &recipe, 3, words, line)
            .with_context(|| format!("where Slurm says {words:?}"))?;
    }
    Ok(())
}

#[test]
fn what_can_never_run_is_refused_before_it_is_submitted() -> Result<()> {
    let test = "what_can_never_run_is_refused_before_it_is_submitted";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    // This cluster would take each of these, and never start it.
    let cases = [
        ("\n  clients: {count: 1, cpus: 64}", "cpus: 64"),
        ("\n  clients: {count: 1, memory: 1TiB}", "memory: 1TiB"),
        (
            "\n  orchestrator: {placement: dedicated}\n  clients: {count: 4}",
            "count: 4",
        ),
        // Each of the two parts of the job would fit alone.
        ("\n  clients:\n    count: 5\n    constraint: quantum", "count: 5"),
    ];
    for (nodes, line) in cases {
        expect_refused(&cluster, &recipe("", nodes), 3, "", line).with_context(|| line.to_owned())?;
    }
    // A model that is spread over more GPUs than its nodes have is no job anywhere.
    let spread = Recipe::of("vllm")
        .service("model", "m")
        .service("options", "{tensor_parallel_size: 4}")
        .top("launch", "{mode: slurm, time_limit: \"00:05:00\"}")
        .top("nodes", "{servers: {count: 1, gpus: 2}}");
    expect_refused(
        &cluster,
        &spread,
        2,
        "tensor_parallel_size",
        "tensor_parallel_size",
    )
}

#[test]
fn without_slurms_programs_nothing_is_created() -> Result<()> {
    let Some(cluster) = Cluster::up("without_slurms_programs_nothing_is_created", Profile::Plain)? else {
        return Ok(());
    };
    let submission = Submission::of(&cluster, &slow())?;
    // On this machine, with a PATH that leads to nats-server alone.
    let tools = hpcbench_tests::workspace().join(".tools/bin");
    let submit = submission.workdir().hpcbench()?.env("PATH", tools).arg("submit");
    let submit = submit.arg(submission.workdir().path().join("recipe.yaml"));
    let refused = submit
        .arg("--run-dir")
        .arg(submission.run())
        .run()?
        .expect_code(3)?;
    ensure!(
        refused.stderr.contains("sbatch was not found on PATH"),
        "{refused}"
    );
    ensure!(!submission.run().exists(), "a run directory is left");
    expect_the_bus_server_is_missed(&submission)?;
    expect_the_module_is_missed(&cluster)
}

/// A module that there is not ends the job, which says which one that is.
fn expect_the_module_is_missed(cluster: &Cluster) -> Result<()> {
    let launch = "{mode: slurm, time_limit: \"00:05:00\", modules: [no-such/1.0]}";
    let submission = Submission::of(cluster, &slow().top("launch", launch))?;
    let job = submission.submit()?;
    let ended = submission.wait_end(&job, RUN)?;
    ensure!(ended.state == "FAILED", "{ended:?}");
    let said = submission.output();
    ensure!(
        said.contains("hpcbench: the module no-such/1.0 cannot be loaded"),
        "{said}"
    );
    ensure!(submission.status()?["state"] == "interrupted");
    Ok(())
}

/// The login node has a nats-server on its own disk, and no other node has.
fn expect_the_bus_server_is_missed(submission: &Submission<'_>) -> Result<()> {
    let tools = hpcbench_tests::workspace().join(".tools/bin/nats-server");
    let local = submission.cluster().local_tmp("ctl").join("nats-server");
    std::fs::copy(tools, local)?;
    let submit = submission.submitting()?;
    let submitted = submit.env("HPCBENCH_NATS_SERVER", "/tmp/nats-server").run()?;
    let job = submitted.expect_code(0)?.stdout;
    let ended = submission.wait_end(job.trim(), RUN)?;
    ensure!(ended.state == "FAILED", "{ended:?}");
    let said = submission.output();
    ensure!(
        said.contains("HPCBENCH_NATS_SERVER is set to /tmp/nats-server, which is not an executable file"),
        "{said}"
    );
    // Nothing was lost: it can be resumed once that is mended.
    ensure!(submission.status()?["state"] == "interrupted");
    Ok(())
}

/// What a shell, Slurm or a terminal could take for something else than text.
const HOSTILE: &str = "$(touch x) `touch x` 'a' \"b\" -rf | & # %j \\\\";

#[test]
fn whatever_a_recipe_says_is_text_on_its_way_to_the_job() -> Result<()> {
    let test = "whatever_a_recipe_says_is_text_on_its_way_to_the_job";
    let Some(cluster) = Cluster::up(test, Profile::Plain)? else {
        return Ok(());
    };
    let quoted = serde_json::Value::from(HOSTILE).to_string();
    let with_newline = serde_json::Value::from(format!("--{HOSTILE}\n-x\n")).to_string();
    let recipe = slow()
        .workload("duration", "1s")
        .top("description", &with_newline)
        .service("environment", &format!("{{HOSTILE: {with_newline}}}"))
        .top(
            "launch",
            &format!(
                "\n  mode: slurm\n  time_limit: \"00:05:00\"\n  account: {quoted}\n  directives: [{}]",
                serde_json::Value::from(format!("--mail-user={HOSTILE}"))
            ),
        );
    let submission = Submission::of(&cluster, &recipe)?;
    // Slurm gives a backslash in a path a meaning of its own, which is refused.
    let name = HOSTILE.replace('\\', "");
    let run = submission.workdir().runs().join(name);
    let submit = |command: Hpcbench| command.arg("--run-dir").arg(&run).arg("--wait").limit(RUN).run();
    let waited = submit(submission.with_recipe("submit")?)?;
    ensure!(matches!(waited.code, Some(0 | 1)), "{waited}");
    let events = hpcbench_tests::events(&run)?;
    ensure!(
        events.last().is_some_and(|end| end["type"] == "run.completed"),
        "{waited}"
    );
    let job = waited.stdout.lines().next().context("no job id")?;
    submission.wait_end(job, RUN)?;
    ensure!(
        run.join(format!("job/{job}.log")).exists(),
        "the job's output is elsewhere"
    );
    submission.workdir().expect_no_process(RUN)?;
    let touched = hpcbench_tests::processes_of(std::path::Path::new("touch x"))?;
    ensure!(touched.is_empty(), "{touched:?}");
    for folder in [submission.workdir().path(), &run, &cluster.home()] {
        ensure!(!folder.join("x").exists(), "it was run in {}", folder.display());
    }
    Ok(())
}
