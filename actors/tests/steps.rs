//! Agents that another program starts, as `srun` does on the other nodes of a job: without standard input, greeted by a file, and
//! told of their orchestrator's end by nobody.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hpcbench_actors::orchestrator::{AgentStart, Begin, Orphans, Place, Places, RunSetup, run};
use hpcbench_actors::shell::AddressPolicy;
use hpcbench_core::event::{Program, RunCreated};
use hpcbench_core::{Epoch, Role};
use hpcbench_recipes::Plan;
use hpcbench_tests::{Recipe, Workdir, binary, events, of_type, terminal, wait_until};
use tokio::sync::mpsc;

/// Where the orchestrator's process finds its run.
const RUN: &str = "STEPS_RUN";
/// Stands in for `srun`: it hands nothing of its standard input on, and signals to end.
const STEP: &str = r#"#!/bin/sh
trap 'kill -TERM $child' TERM
"$@" </dev/null &
child=$!
wait $child
wait $child
"#;
const START: Duration = Duration::from_mins(1);
/// From the orchestrator's end to the agents'.
const ORPHANED: Duration = Duration::from_secs(2);
const SETTLE: Duration = Duration::from_secs(30);

/// Not a test: the process that the tests start.
#[test]
#[ignore = "started by the tests of this file"]
fn orchestrator_process() -> Result<()> {
    let run_dir = PathBuf::from(std::env::var_os(RUN).context("started by hand")?);
    let plan = Plan::read(&fs::read(run_dir.join("plan.json"))?)?;
    let world = run_dir.parent().context("no folder")?.to_path_buf();
    let place = |role: Role| Place {
        start: match role {
            Role::Orchestrator => AgentStart::Child,
            Role::Server | Role::Client => AgentStart::Step {
                prefix: vec![OsString::from(world.join("step.sh"))],
            },
        },
        host: None,
        address: AddressPolicy::Loopback,
    };
    let nodes = plan.nodes.iter();
    let orphans = Orphans {
        timeout: ORPHANED,
        hook: ["sh", "-c", "echo called >> \"$0\""]
            .map(ToOwned::to_owned)
            .into_iter()
            .chain([world.join("hook").display().to_string()])
            .collect(),
    };
    let program = Program {
        version: "0".to_owned(),
        revision: "test".to_owned(),
    };
    let (live, _watch) = mpsc::channel(64);
    let (_interrupt, interrupts) = mpsc::channel(1);
    let mut random = 0;
    let setup = RunSetup {
        run_dir: run_dir.clone(),
        scratch_base: world.join("scratch"),
        places: Places::new(
            nodes
                .clone()
                .map(|node| (node.node.clone(), place(node.role)))
                .collect(),
            orphans,
        ),
        hpcbench: binary()?,
        program: program.clone(),
        begin: Begin::Create(RunCreated {
            run: "steps".parse()?,
            name: plan.name.clone(),
            plan: plan.hash.clone(),
            recipe: plan.recipe_sha256.clone(),
            trials: plan.trials.len() as u64,
            nodes: nodes.map(|node| (node.node.clone(), node.role)).collect(),
            user: "tester".to_owned(),
            host: "here".to_owned(),
            command_line: Vec::new(),
            program,
            tools: BTreeMap::new(),
        }),
        dead_through: Epoch(0),
        live,
        job: None,
        interrupts,
        random: Box::new(move || {
            random += 1;
            [random; hpcbench_nats::SECRET_BYTES]
        }),
        plan: plan.into(),
    };
    let end = actix::System::new().block_on(run(setup))?;
    println!("exit code {}", end.exit_code);
    Ok(())
}

/// Starts the orchestrator's process for this recipe.
fn start(workdir: &Workdir, recipe: &Recipe) -> Result<Child> {
    let file = workdir.write("recipe.yaml", &recipe.text())?;
    let planned = workdir
        .hpcbench()?
        .arg("plan")
        .arg(&file)
        .args(["--format", "json"])
        .run()?;
    let planned = planned.expect_code(0)?;
    let run_dir = workdir.path().join("run");
    fs::create_dir(&run_dir)?;
    fs::copy(file, run_dir.join("recipe.yaml"))?;
    fs::write(run_dir.join("plan.json"), &planned.stdout)?;
    let step = workdir.write("step.sh", STEP)?;
    fs::set_permissions(step, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let tools = hpcbench_tests::workspace().join(".tools/bin");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH")?);
    let child = Command::new(std::env::current_exe()?)
        .args(["--exact", "orchestrator_process", "--ignored", "--nocapture"])
        .env(RUN, &run_dir)
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(fs::File::create(workdir.path().join("stdout"))?)
        .stderr(fs::File::create(workdir.path().join("stderr"))?)
        .spawn()?;
    Ok(child)
}

fn said(workdir: &Workdir) -> String {
    let read = |name: &str| fs::read_to_string(workdir.path().join(name)).unwrap_or_default();
    format!("{}{}", read("stdout"), read("stderr"))
}

fn happened(run: &Path, kind: &str) -> bool {
    events(run).is_ok_and(|events| !of_type(&events, kind).is_empty())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?)
}

#[test]
#[ignore = "wants the program: `make e2e`"]
fn a_run_of_steps_ends_in_order_and_leaves_nothing() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated().top("nodes", "{servers: {count: 2}, clients: {count: 2}}");
    let mut child = start(&workdir, &recipe)?;
    let run = workdir.path().join("run");
    wait_until(START, "the load", || {
        Ok(happened(&run, "load.started").then_some(()))
    })
    .with_context(|| said(&workdir))?;
    let agents: Vec<_> = workdir.processes()?;
    let agents = agents
        .iter()
        .filter(|process| process.command.contains(" --greeting "));
    // Each with the program that has started it.
    ensure!(agents.count() == 8, "{:#?}", workdir.processes()?);
    ensure!(
        files(&run.join("job/greetings"))?.is_empty(),
        "a greeting was left"
    );
    child.wait()?;
    workdir.expect_no_process(SETTLE)?;
    let events = events(&run)?;
    let end = terminal(&events).with_context(|| said(&workdir))?;
    ensure!(end["type"] == "run.completed", "{end}\n{}", said(&workdir));
    ensure!(of_type(&events, "node.lost").is_empty(), "{}", said(&workdir));
    ensure!(workdir.scratch()?.is_empty(), "{:?}", workdir.scratch()?);
    ensure!(!workdir.path().join("hook").exists(), "nobody was an orphan");
    let verified = workdir.hpcbench()?.arg("verify").arg(&run).run()?;
    verified.expect_code(0)?;
    Ok(())
}

#[test]
#[ignore = "wants the program: `make e2e`"]
fn orphans_end_all_that_they_have_started_and_one_sees_to_the_job() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .workload("duration", "60s")
        .top("nodes", "{servers: {count: 2}}");
    let mut child = start(&workdir, &recipe)?;
    let run = workdir.path().join("run");
    wait_until(START, "the load", || {
        Ok(happened(&run, "load.started").then_some(()))
    })
    .with_context(|| said(&workdir))?;
    child.kill()?;
    child.wait()?;
    let killed = Instant::now();
    let hook = workdir.path().join("hook");
    wait_until(SETTLE, "the hook", || Ok(hook.exists().then_some(())))?;
    ensure!(killed.elapsed() >= ORPHANED, "too early: {:?}", killed.elapsed());
    workdir.expect_no_process(SETTLE)?;
    assert_eq!(fs::read_to_string(hook)?, "called\n");
    // The orchestrator's own is left to whoever goes on with the run.
    let scratch = workdir.scratch()?;
    ensure!(
        scratch.iter().all(|path| path.ends_with("hpcbench-steps-1")),
        "{scratch:?}"
    );
    let verified = workdir.hpcbench()?.arg("verify").arg(&run).run()?;
    verified.expect_code(0)?;
    Ok(())
}
