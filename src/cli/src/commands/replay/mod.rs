//! `hpcbench replay`: a run's history, or its state at some point of it.

mod playback;
mod publish;
mod schedule;
mod speed;

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use hpcbench_core::event::Event;
use hpcbench_core::{Seq, Timestamp, upcast};
use hpcbench_journal::Entry;
use hpcbench_report::{ReportError, RunView, Timeline, Trace, Until, find_run, history, read_plan};

use crate::exit::Failure;
use crate::feed::FeedFormat;
use crate::terminal;

use publish::ServerUrl;
use speed::Speed;

/// Rebuild a run's timeline, events or state from its log, or play it again
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(crate) struct ReplayArgs {
    /// A run directory, or the beginning of a run's id
    run: String,
    /// Stop after the event with this number
    #[arg(long, value_name = "SEQ", conflicts_with = "at")]
    until: Option<u64>,
    /// Stop before the first event after this time, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// What is printed [default: timeline; with --speed a line an event, as `watch` shows it]
    #[arg(long, value_enum)]
    format: Option<ReplayFormat>,
    /// Play the events one after the other, N times as fast as they happened; with --format events as JSON Lines
    #[arg(long, value_name = "N")]
    speed: Option<Speed>,
    /// Publish the events on this NATS server under their own subjects instead of printing them: as fast as it takes them,
    /// or with --speed as they are due
    #[arg(long, value_name = "URL", conflicts_with = "format")]
    publish: Option<ServerUrl>,
}

const MORE: &str = "\
--speed plays the time between two events N times as fast, but waits no longer than 5 s for the next epoch of a run that
was resumed later. Where a clock was set back it does not wait.

--publish takes nats://HOST:PORT or tls://HOST:PORT, with USER:PASSWORD@ or TOKEN@ before the host where the server wants
that. An event's subject is hpcbench.RUN.event.TYPE, as on the run's own bus. Nothing is printed on standard output; how many
events the server has taken is told on standard error.";

/// What a replay prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReplayFormat {
    /// The history for people, grouped
    Timeline,
    /// The log's lines as they are: JSON Lines
    Events,
    /// The state that the events add up to, as JSON
    State,
    /// Spans for the trace viewer at ui.perfetto.dev, as JSON
    Trace,
}

/// What a replay does.
enum Task {
    Print(ReplayFormat),
    Play(Speed, FeedFormat),
    Publish(ServerUrl, Option<Speed>),
}

/// Prints a run's history.
///
/// # Errors
/// There is no such run, or its log is damaged before the point where the replay ends. What comes before the damage is
/// printed all the same, where it is a history.
pub(crate) fn run(args: &ReplayArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let task = args.task()?;
    let run_dir = find_run(runs_dir, &args.run)?;
    let until = match (args.until, args.at) {
        (Some(seq), _) => Until::Seq(Seq(seq)),
        (None, Some(time)) => Until::Time(time),
        (None, None) => Until::End,
    };
    match task {
        Task::Print(ReplayFormat::Timeline) => print_timeline(&run_dir, until)?,
        Task::Print(ReplayFormat::Events) => print_events(&run_dir, until)?,
        Task::Print(ReplayFormat::State) => {
            terminal::print_json(&RunView::load_until(&run_dir, until)?.state)?;
        }
        Task::Print(ReplayFormat::Trace) => print_trace(&run_dir, until)?,
        Task::Publish(url, speed) => publish::publish(&run_dir, until, &url, speed)?,
        Task::Play(speed, format) => playback::print(&run_dir, until, speed, format)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl ReplayArgs {
    fn task(&self) -> Result<Task, Failure> {
        if let Some(url) = &self.publish {
            return Ok(Task::Publish(url.clone(), self.speed));
        }
        let Some(speed) = self.speed else {
            return Ok(Task::Print(self.format.unwrap_or(ReplayFormat::Timeline)));
        };
        match self.format {
            None => Ok(Task::Play(speed, FeedFormat::Text)),
            Some(ReplayFormat::Events) => Ok(Task::Play(speed, FeedFormat::Json)),
            Some(other) => {
                let value = other.to_possible_value();
                let name = value.as_ref().map_or("", |value| value.get_name());
                Err(Failure::Usage(format!(
                    "--speed plays events and cannot be used with --format {name}; leave --format out, or use --format events"
                )))
            }
        }
    }
}

fn print_timeline(run_dir: &Path, until: Until) -> anyhow::Result<()> {
    let mut timeline = Timeline::new(&read_plan(run_dir)?);
    let told = tell(history(run_dir, until)?, |event| {
        timeline.take(event);
        Ok(())
    });
    terminal::print(&timeline.render(terminal::style_of_stdout())).context("failed to print the timeline")?;
    Ok(told?)
}

fn print_trace(run_dir: &Path, until: Until) -> anyhow::Result<()> {
    let mut trace = Trace::new(&read_plan(run_dir)?);
    let told = tell(history(run_dir, until)?, |event| trace.take(event));
    terminal::print(&trace.to_json()).context("failed to print the trace")?;
    Ok(told?)
}

/// Hands on the events, up to where the log is damaged.
fn tell(
    mut entries: impl Iterator<Item = Result<Entry, ReportError>>,
    mut take: impl FnMut(&Event) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    entries.try_for_each(|entry| take(&upcast(entry?.event)))
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

#[cfg(test)]
mod testing {
    use hpcbench_core::event::RawEvent;
    use hpcbench_core::{Seq, Timestamp};
    use serde_json::value::RawValue;

    /// An event at this second.
    pub(super) fn event(seq: u64, kind: &str, second: i64) -> RawEvent {
        RawEvent {
            seq: Seq(seq),
            at: Timestamp::from_micros(second.saturating_mul(1_000_000)),
            kind: kind.to_owned(),
            version: 1,
            actor: "orchestrator".to_owned(),
            node: "orchestrator".parse().unwrap(),
            correlation: "run".to_owned(),
            causation: None,
            data: RawValue::from_string("{}".to_owned()).unwrap(),
        }
    }
}
