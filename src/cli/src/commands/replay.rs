//! `hpcbench replay`: a run's history, or its state at some point of it.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use hpcbench_core::{Seq, Timestamp, upcast};
use hpcbench_report::{RunView, Timeline, Until, find_run, history, read_plan};

use crate::terminal;

/// Rebuild a run's timeline, events or state from its log
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// A run directory, or the beginning of a run's id
    run: String,
    /// Stop after the event with this number
    #[arg(long, value_name = "SEQ", conflicts_with = "at")]
    until: Option<u64>,
    /// Stop before the first event after this time, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// What is printed
    #[arg(long, value_enum, default_value_t)]
    format: ReplayFormat,
}

/// What a replay prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum ReplayFormat {
    /// The history for people, grouped
    #[default]
    Timeline,
    /// The log's lines as they are: JSON Lines
    Events,
    /// The state that the events add up to, as JSON
    State,
}

/// Prints a run's history.
///
/// # Errors
/// There is no such run, or its log is damaged before the point where the replay ends. What comes before the damage is
/// printed all the same, where it is a history.
pub(crate) fn run(args: &ReplayArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let run_dir = find_run(runs_dir, &args.run)?;
    let until = match (args.until, args.at) {
        (Some(seq), _) => Until::Seq(Seq(seq)),
        (None, Some(time)) => Until::Time(time),
        (None, None) => Until::End,
    };
    match args.format {
        ReplayFormat::Timeline => print_timeline(&run_dir, until)?,
        ReplayFormat::Events => print_events(&run_dir, until)?,
        ReplayFormat::State => terminal::print_json(&RunView::load_until(&run_dir, until)?.state)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_timeline(run_dir: &Path, until: Until) -> anyhow::Result<()> {
    let mut timeline = Timeline::new(&read_plan(run_dir)?);
    let mut damage = None;
    for entry in history(run_dir, until)? {
        match entry {
            Ok(entry) => timeline.take(&upcast(entry.event)),
            Err(error) => damage = Some(error),
        }
    }
    terminal::print(&timeline.render(terminal::style_of_stdout())).context("failed to print the timeline")?;
    damage.map_or(Ok(()), |error| Err(error.into()))
}

fn print_events(run_dir: &Path, until: Until) -> anyhow::Result<()> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    for entry in history(run_dir, until)? {
        let line = entry?.line;
        stdout
            .write_all(&line)
            .and_then(|()| stdout.write_all(b"\n"))
            .context("failed to print an event")?;
    }
    stdout.flush().context("failed to print the events")
}
