//! `hpcbench status`: how a run stands.

use std::path::Path;
use std::process::ExitCode;

use hpcbench_report::{RunView, Status, find_run};

use crate::commands::{Format, standing};
use crate::{terminal, writer};

/// Show how a run stands
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// A run directory, or the beginning of a run's id
    run: String,
    /// How the status is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints how a run stands.
///
/// # Errors
/// There is no such run, or its log is damaged.
pub(crate) fn run(args: &StatusArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let run_dir = find_run(runs_dir, &args.run)?;
    let view = RunView::load(&run_dir)?;
    let status = Status::of(
        &view,
        writer::life_seen_in(&view, &run_dir),
        standing::view_of(&run_dir, &view),
    );
    match args.format {
        Format::Text => terminal::print(&status.to_text(terminal::style_of_stdout().width))?,
        Format::Json => terminal::print_json(&status)?,
    }
    Ok(ExitCode::SUCCESS)
}
