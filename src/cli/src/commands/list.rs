//! `hpcbench list`: all runs of a directory.

use std::path::Path;
use std::process::ExitCode;

use hpcbench_actors::shell::now;
use hpcbench_core::Timestamp;
use hpcbench_report::{ListEntry, RunView, list_table, run_dirs};
use serde::Serialize;

use crate::commands::{Format, standing};
use crate::{terminal, writer};

/// List the runs in the directory of runs
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// How the list is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The list as JSON.
#[derive(Serialize)]
struct Runs {
    runs: Vec<ListEntry>,
}

/// Prints all runs, the latest last.
///
/// # Errors
/// The directory cannot be read. A run that cannot be read is listed with the reason.
pub(crate) fn run(args: &ListArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let now = now();
    let mut runs: Vec<ListEntry> = run_dirs(runs_dir)?.iter().map(|dir| entry(dir, now)).collect();
    runs.sort_by_key(|run| run.started);
    match args.format {
        Format::Json => terminal::print_json(&Runs { runs })?,
        Format::Text if runs.is_empty() => terminal::say(&format!("no runs in {}", runs_dir.display())),
        Format::Text => terminal::print(&list_table(&runs))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn entry(run_dir: &Path, now: Timestamp) -> ListEntry {
    match RunView::load(run_dir) {
        Ok(view) => ListEntry::of(
            run_dir,
            &view,
            writer::life_seen_in(&view, run_dir),
            standing::view_of(run_dir, &view),
            now,
        ),
        Err(error) => ListEntry::unreadable(run_dir, &error),
    }
}
