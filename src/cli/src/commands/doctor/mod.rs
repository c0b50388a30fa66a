//! `hpcbench doctor`: what this node offers to a run, what it lacks, and how much load it can produce.
//!
//! Facts are gathered first; what they mean is decided by functions of the facts alone.

mod calibrate;
mod check;
mod checks;
mod cluster;
mod node;
mod text;

use std::io::Write;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use self::calibrate::Calibration;
use self::check::Check;
use self::cluster::ClusterOptions;
use self::node::Node;
use super::Format;
use super::run::default_scratch;
use crate::{exit, program, terminal};

/// Shortest and longest calibration, in seconds.
const CALIBRATION_SECONDS: std::ops::RangeInclusive<i64> = 6..=3_600;

/// Check whether this node has what a run needs, and say what is missing
///
/// Looks at nats-server, file systems, limits, processors, memory, network, clocks and time stamps, and at what can be had of
/// Slurm, containers and GPUs. Exits with 0 if a run on this machine can work, with 3 if something that it needs is missing. With
/// --submit the same holds for a node of each partition of a cluster; what was found is told on standard error then, and the draft
/// of a site file is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Streams at a time that limits are judged for
    #[arg(long, value_name = "N", default_value = "1000")]
    streams: NonZeroU32,
    /// Measure too how much load the load engine can produce here and stay above suspicion
    #[arg(long)]
    calibrate: bool,
    /// How long the calibration may take
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "calibrate",
          value_parser = clap::value_parser!(u32).range(CALIBRATION_SECONDS))]
    seconds: u32,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    cluster: ClusterOptions,
    /// Write what was found into this file, for the process that has submitted this one as a job
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "calibrate")]
    node_report: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Diagnosis {
    checks: Vec<Check>,
    /// Whether a run on this machine can work.
    ready: bool,
    /// What the node has that a site file names.
    node: Node,
    calibration: Option<Calibration>,
}

/// Checks, measures if asked to, and prints.
///
/// # Errors
/// The calibration could not be carried out, or nobody reads what is printed.
pub(crate) fn run(args: &DoctorArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    if args.cluster.is_wanted() {
        return cluster::run(args, runs_dir);
    }
    let scratch = default_scratch();
    let node = node::gather(&scratch, args.node_report.is_some());
    let checks = checks::all(runs_dir, &scratch, args.streams.get(), &node);
    let ready = check::ready(&checks);
    let calibration = if args.calibrate {
        Some(calibrate::run(args.seconds, &scratch)?)
    } else {
        None
    };
    let diagnosis = Diagnosis {
        checks,
        ready,
        node,
        calibration,
    };
    if let Some(path) = &args.node_report {
        leave(&diagnosis, path)?;
        return Ok(ExitCode::SUCCESS);
    }
    match args.format {
        Format::Text => terminal::print(&text::of(&diagnosis))?,
        Format::Json => terminal::print_json(&diagnosis)?,
    }
    Ok(if ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(exit::ENVIRONMENT)
    })
}

/// Leaves a diagnosis in a file, whole or not at all.
fn leave(diagnosis: &Diagnosis, path: &Path) -> anyhow::Result<()> {
    let partial = path.with_extension("partial");
    let mut file = program::private_options()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&partial)?;
    file.write_all(&serde_json::to_vec(diagnosis)?)?;
    file.sync_all()?;
    Ok(std::fs::rename(&partial, path)?)
}
