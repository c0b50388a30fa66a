//! `hpcbench doctor`: what this node offers to a run, what it lacks, and how much load it can produce.
//!
//! Facts are gathered first; what they mean is decided by functions of the facts alone.

mod calibrate;
mod check;
mod checks;
mod text;

use std::num::NonZeroU32;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use self::calibrate::Calibration;
use self::check::Check;
use super::Format;
use super::run::default_scratch;
use crate::{exit, terminal};

/// Shortest and longest calibration, in seconds.
const CALIBRATION_SECONDS: std::ops::RangeInclusive<i64> = 6..=3_600;

/// Check whether this node has what a run needs, and say what is missing
///
/// Looks at nats-server, file systems, limits, processors, memory, clocks and time stamps, and at what can be had of Slurm,
/// containers and GPUs. Exits with 0 if a run on this machine can work, with 3 if something that it needs is missing.
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
}

/// What was found.
#[derive(Debug, Serialize)]
struct Diagnosis {
    checks: Vec<Check>,
    /// Whether a run on this machine can work.
    ready: bool,
    calibration: Option<Calibration>,
}

/// Checks, measures if asked to, and prints.
///
/// # Errors
/// The calibration could not be carried out, or nobody reads what is printed.
pub(crate) fn run(args: &DoctorArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let scratch = default_scratch();
    let checks = checks::all(runs_dir, &scratch, args.streams.get());
    let ready = check::ready(&checks);
    let calibration = if args.calibrate {
        Some(calibrate::run(args.seconds, &scratch)?)
    } else {
        None
    };
    let diagnosis = Diagnosis {
        checks,
        ready,
        calibration,
    };
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
