//! `hpcbench report`: a run's results.

mod definitions;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use hpcbench_report::{RunView, Style, Summary, find_run, results_table};

use crate::terminal;

/// Print a run's results, as far as it has come
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// A run directory, or the beginning of a run's id
    run: String,
    /// How the results are written
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
    /// Recompute the metrics from the records, as this tool defines them; its formulas only
    #[arg(long, value_name = "TOOL", value_enum)]
    definitions: Option<definitions::Tool>,
    /// Write to this file instead of standard output; it is replaced
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How results are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum ReportFormat {
    /// A table for people
    #[default]
    Text,
    /// A document; without --definitions the one that a run leaves as report/summary.json
    Json,
    /// One row a trial; with --definitions a row for each of its metrics
    Csv,
}

/// Prints or writes a run's results.
///
/// # Errors
/// There is no such run, its log is damaged, its records cannot be read, or the file cannot be written.
pub(crate) fn run(args: &ReportArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let run_dir = find_run(runs_dir, &args.run)?;
    let view = RunView::load(&run_dir)?;
    let style = match args.output {
        Some(_) => Style::PLAIN,
        None => terminal::style_of_stdout(),
    };
    let text = match (args.definitions, args.format) {
        (Some(tool), format) => definitions::text(&run_dir, &view, tool, format, style)?,
        (None, ReportFormat::Text) => results_table(&view, style),
        (None, ReportFormat::Json) => Summary::of(&view).to_json()?,
        (None, ReportFormat::Csv) => Summary::of(&view).to_csv(),
    };
    match &args.output {
        Some(file) => write(file, &text).with_context(|| format!("failed to write {}", file.display()))?,
        None => terminal::print(&text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that only its owner may read, if it is new. In place, so that it may be a pipe or a device too.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)?;
    file.write_all(text.as_bytes())
}
