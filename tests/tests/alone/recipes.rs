//! How long the program takes for recipes, as a whole process, beside what it takes to start and to read the file.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use hpcbench_tests::Workdir;

use crate::repeated;

/// For a recipe of 300 lines.
const VALIDATE_LIMIT: Duration = Duration::from_millis(10);
/// For a plan of 10,000 trials.
const PLAN_LIMIT: Duration = Duration::from_millis(200);
/// Where the machine is slow, a program that starts, allocates and hashes says how slow: an interpreter, whose time for this
/// does not change with ours. It takes about as long as 300 lines do.
const REFERENCE: [&str; 2] = ["-e", "my %h; $h{$_} = [$_] for 1..12000"];
/// So 300 lines may take this much of the reference instead of the limit.
const VALIDATE_SHARE: f64 = 1.35;
/// And 10,000 trials twenty times that, as their limit is.
const PLAN_SHARE: f64 = 27.0;
/// The median of so many calls counts.
const CALLS: usize = 21;
/// So often, and the least median: others on the machine make many calls in a row slow.
const TURNS: usize = 3;

const HEAD: &str = "\
schema: hpcbench/v1
name: timed
service:
  kind: simulator
  environment:
";

const WORKLOAD: &str = "\
workload:
  load: {shape: closed, concurrency: 1}
  duration: 30s
  prompts: {source: synthetic, input_tokens: 64, output_tokens: 16}
";

fn of_300_lines() -> String {
    let mut text = HEAD.to_owned();
    while text.lines().count() + WORKLOAD.lines().count() < 300 {
        let number = text.lines().count();
        let _ = writeln!(
            text,
            "    VARIABLE_{number}: \"some value, number {number}\"   # and a remark"
        );
    }
    text + WORKLOAD
}

fn of_10_000_trials() -> String {
    let levels: Vec<String> = (1..=1000).map(|level| level.to_string()).collect();
    format!(
        "{}{WORKLOAD}sweep:\n  matrix: {{service.options.max_num_seqs: [1, 2, 3, 4, 5], workload.load.concurrency: [{}]}}\n  repetitions: 2\n",
        HEAD.replace("  environment:\n", ""),
        levels.join(", ")
    )
}

/// The median of a command's wall time in the quietest turn.
fn quietest(program: &str, arguments: &[&str]) -> Result<Duration> {
    let turns = (0..TURNS).map(|_| median(program, arguments));
    let medians: Vec<Duration> = turns.collect::<Result<_>>()?;
    medians.into_iter().min().context("no turns")
}

fn median(program: &str, arguments: &[&str]) -> Result<Duration> {
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let before = Instant::now();
        let status = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("{program} does not start"))?;
        times.push(before.elapsed());
        ensure!(status.success(), "{program} {arguments:?}: {status}");
    }
    times.sort();
    Ok(times[CALLS / 2])
}

/// The limit, or this share of the reference where that is more.
fn allowed(limit: Duration, reference: Duration, share: f64) -> Duration {
    limit.max(reference.mul_f64(share))
}

#[test]
fn recipes_are_checked_and_planned_at_once() -> Result<()> {
    repeated("recipes_are_checked_and_planned_at_once", check_and_plan)
}

fn check_and_plan() -> Result<()> {
    let workdir = Workdir::new()?;
    let program = env::var("HPCBENCH_BIN").context("HPCBENCH_BIN names the optimised program")?;
    let write = |name: &str, text: &str| -> Result<String> {
        let path = workdir.path().join(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let (small, large) = (
        write("small.yaml", &of_300_lines())?,
        write("large.yaml", &of_10_000_trials())?,
    );
    let start = quietest(&program, &["--version"])?;
    let read = quietest("cat", &[&small])?;
    let reference = quietest("perl", &REFERENCE)?;
    let validate = quietest(&program, &["validate", &small])?;
    let plan = quietest(&program, &["validate", &large])?;
    let printed = quietest(&program, &["plan", &large, "--format", "json"])?;
    println!(
        "hpcbench --version {start:?}, cat {read:?}, reference {reference:?}; 300 lines validated in {validate:?}"
    );
    println!("10,000 trials planned in {plan:?}, and with plan.json printed in {printed:?}");
    ensure!(
        validate < allowed(VALIDATE_LIMIT, reference, VALIDATE_SHARE),
        "300 lines took {validate:?}; --version {start:?}, reference {reference:?}"
    );
    ensure!(
        plan < allowed(PLAN_LIMIT, reference, PLAN_SHARE),
        "10,000 trials took {plan:?}; --version {start:?}, reference {reference:?}"
    );
    Ok(())
}
