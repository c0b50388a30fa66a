//! `hpcbench why`: what led to an event.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use hpcbench_core::{Seq, upcast};
use hpcbench_report::live::EventLines;
use hpcbench_report::{Until, find_run, history, read_plan, why, why_text};

use crate::commands::Format;
use crate::terminal;

/// Show what led to an event, back to its first cause
///
/// A row an event, the first cause first. An event that no other led to was caused from outside the log: by a command of a
/// user, a signal, an agent's own report, or time that passed.
#[derive(Debug, clap::Args)]
pub(crate) struct WhyArgs {
    /// A run directory, or the beginning of a run's id
    run: String,
    /// The number of the event, as `replay` shows it
    seq: u64,
    /// How the events are printed; json: an array of the log's lines
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints the chain of causes of an event.
///
/// # Errors
/// There is no such run or event, or the log is damaged before it.
pub(crate) fn run(args: &WhyArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let run_dir = find_run(runs_dir, &args.run)?;
    match args.format {
        Format::Text => print_text(&run_dir, Seq(args.seq))?,
        Format::Json => print_json(&run_dir, Seq(args.seq))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_text(run_dir: &Path, seq: Seq) -> anyhow::Result<()> {
    let mut chain = Vec::new();
    for entry in why(run_dir, seq)? {
        chain.push(upcast(entry?.event));
    }
    let first = history(run_dir, Until::End)?.next().transpose()?;
    let Some(began) = first.map(|entry| entry.event.at) else {
        return Ok(());
    };
    let lines = EventLines::of(&read_plan(run_dir)?);
    let text = why_text(&chain, began, &lines, terminal::style_of_stdout());
    terminal::print(&text).context("failed to print the events")
}

/// An event takes one line, as in the log.
fn print_json(run_dir: &Path, seq: Seq) -> anyhow::Result<()> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    let mut opening: &[u8] = b"[\n";
    for entry in why(run_dir, seq)? {
        let line = entry?.line;
        stdout
            .write_all(opening)
            .and_then(|()| stdout.write_all(&line))
            .context("failed to print an event")?;
        opening = b",\n";
    }
    stdout
        .write_all(b"\n]\n")
        .and_then(|()| stdout.flush())
        .context("failed to print the events")
}
