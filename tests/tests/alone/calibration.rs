//! What `doctor --calibrate` says that this machine can do.

use anyhow::{Context, Result, ensure};
use hpcbench_tests::Workdir;
use hpcbench_tests::summary::{count, number};
use serde_json::Value;

use crate::repeated;

/// The shortest windows in which chance does not decide: a fifth of a second each.
const SECONDS: &str = "9";

#[test]
fn a_ceiling_of_each_load_is_found() -> Result<()> {
    repeated("a_ceiling_of_each_load_is_found", || {
        let workdir = Workdir::new()?;
        let doctor = workdir.hpcbench()?.args(["doctor", "--format", "json"]);
        let finished = doctor.args(["--calibrate", "--seconds", SECONDS]).run()?;
        let diagnosis = finished.json()?;
        let ceilings = diagnosis["calibration"]["ceilings"].as_array();
        let ceilings = ceilings.context("no ceilings")?;
        ensure!(ceilings.len() == 3, "{ceilings:#?}");
        ceilings.iter().try_for_each(expect_ceiling)
    })
}

/// A level held, and what was due there came, give or take what a short window leaves to chance.
fn expect_ceiling(ceiling: &Value) -> Result<()> {
    let highest = count(ceiling, "/highest")? as f64;
    let chunks = number(ceiling, "/measured/chunks_per_second")?;
    // One for each request, or one for each stream every so often.
    let each = ceiling["itl_ms"].as_f64().map_or(1.0, |itl_ms| 1e3 / itl_ms);
    println!("{}: {highest}, {chunks:.0} chunks a second", ceiling["load"]);
    ensure!((0.5..2.0).contains(&(chunks / (highest * each))), "{ceiling}");
    ensure!(number(ceiling, "/measured/cpu_us_per_chunk")? > 0.0, "{ceiling}");
    Ok(())
}
