//! `hpcbench verify`: whether a run's log and files are what was written.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use hpcbench_journal::{Problem, VerifyReport};

use crate::commands::Format;
use crate::{exit, terminal};

/// Check that a run's event log and the files it names are what was written
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// A run directory, or the beginning of a run's id
    run: String,
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Verifies a run and prints what was found.
///
/// # Errors
/// There is no such run, or its log cannot be read at all.
pub(crate) fn run(args: &VerifyArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let run_dir = hpcbench_report::find_run(runs_dir, &args.run)?;
    let report = hpcbench_journal::verify(&run_dir)
        .with_context(|| format!("failed to verify {}", run_dir.display()))?;
    match args.format {
        Format::Text => terminal::print(&in_words(&run_dir, &report))?,
        Format::Json => terminal::print_json(&report)?,
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(exit::DAMAGED)
    })
}

fn in_words(run_dir: &Path, report: &VerifyReport) -> String {
    let mut text = String::new();
    for problem in &report.problems {
        let Problem { file, message, .. } = problem;
        let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
        let seq = problem
            .seq
            .map(|seq| format!(" (event {seq})"))
            .unwrap_or_default();
        let _ = writeln!(text, "problem: {file}{line}{seq}: {message}");
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    let verdict = if report.ok { "intact" } else { "damaged" };
    let VerifyReport {
        events, epochs, head, ..
    } = report;
    let word = if *epochs == 1 { "epoch" } else { "epochs" };
    let _ = writeln!(
        text,
        "{}: {verdict}, {events} events in {epochs} {word}, head {} {}",
        run_dir.display(),
        head.seq,
        head.hash
    );
    text
}
