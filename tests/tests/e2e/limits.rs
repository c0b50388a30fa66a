//! What the machine does not give: said before a load begins, or where it shows itself.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::expect_verified;
use hpcbench_tests::{BadKernel, Hpcbench, Recipe, Workdir, data, events, of_type};

use crate::recomputed::python;

/// Open files that a process of the test may have.
const OPEN_FILES: u32 = 400;

/// Counts the records of a table.
const COUNT: &str = "import sys, pyarrow.parquet as pq; print(pq.read_metadata(sys.argv[1]).num_rows)";

/// The reason for which the only trial of a run failed before anything was sent.
fn refused(workdir: &Workdir, bench: Hpcbench) -> Result<String> {
    let finished = bench.run()?.expect_code(1)?;
    let log = events(&workdir.run())?;
    ensure!(of_type(&log, "load.started").is_empty(), "{finished}");
    let reason = data(&log, "trial.failed")?["reason"].as_str();
    Ok(reason.context("no reason")?.to_owned())
}

#[test]
fn too_few_open_files_are_told_before_the_start() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated().workload("load", "{shape: closed, concurrency: 500}");
    let file = workdir.write("recipe.yaml", &recipe.text())?;
    let limited = workdir.hpcbench_with_open_files(OPEN_FILES)?;
    let bench = limited.arg("run").arg(file).arg("--run-dir").arg(workdir.run());
    let reason = refused(&workdir, bench)?;
    ensure!(
        reason.contains("open files are needed for 500 connections, but only 400 are allowed"),
        "{reason}"
    );
    Ok(())
}

#[test]
fn too_few_ports_are_told_before_the_start() -> Result<()> {
    // A port is kept for at least a second after its connection's end, and there are no more than 65,535 of them.
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .workload("load", "{shape: constant, rate: 100000, max_in_flight: 100}")
        .workload("connections", "{policy: fresh}");
    let reason = refused(&workdir, workdir.bench(&recipe)?)?;
    ensure!(
        reason.contains("100000 fresh connections a second") && reason.contains("local ports"),
        "{reason}"
    );
    Ok(())
}

#[test]
fn a_full_disk_ends_the_attempt_and_what_was_written_is_kept() -> Result<()> {
    // Some 500 records of at least 400 bytes, where 32 KiB find room.
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated().workload("duration", "3s");
    let finished = BadKernel::FullDisk
        .bench(&workdir, &recipe)?
        .run()?
        .expect_code(1)?;
    let log = events(&workdir.run())?;
    let reason = data(&log, "trial.failed")?["reason"]
        .as_str()
        .context("no reason")?;
    ensure!(reason.contains("no space left for the record file"), "{finished}");
    let records = data(&log, "share.reported")?["files"]["records"]["path"].as_str();
    let records = workdir.run().join(records.context("no records were kept")?);
    ensure!(records.exists(), "{} is not there", records.display());
    expect_records(&records, BadKernel::records_taken(&workdir)?)?;
    expect_verified(&workdir).map(drop)
}

/// Makes sure that a table has so many records, and more than none.
fn expect_records(records: &Path, taken: u64) -> Result<()> {
    ensure!(taken > 0, "the disk took only empty blocks");
    let Some(python) = python("a_full_disk_ends_the_attempt_and_what_was_written_is_kept")? else {
        return Ok(());
    };
    let output = std::process::Command::new(python)
        .args(["-c", COUNT])
        .arg(records)
        .output()?;
    let counted = String::from_utf8_lossy(&output.stdout).trim().parse::<u64>();
    ensure!(
        counted == Ok(taken),
        "{counted:?} of the {taken} records that the disk took: {output:?}"
    );
    Ok(())
}
