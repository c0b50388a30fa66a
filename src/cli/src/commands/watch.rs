//! `hpcbench watch`: a run's events as they happen.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use hpcbench_core::Seq;
use hpcbench_recipes::recipe::LaunchMode;
use hpcbench_report::{RunView, Until, find_run, history, read_plan};
use hpcbench_slurm::queue::MAX_AGE_SECONDS;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::commands::standing::{self, JobStanding};
use crate::feed::{Feed, FeedFormat, Printer, Step, TypeFilter, TypeGlob};
use crate::terminal;

/// How often it is looked how the run's job stands, while nothing else happens: as often as Slurm is asked.
const LOOK_AT_JOB: Duration = Duration::from_secs(MAX_AGE_SECONDS.unsigned_abs());
/// How often it is looked whether anybody still reads what is printed.
const LOOK_FOR_READER: Duration = Duration::from_millis(500);

/// Show a run's events: what has happened, then what happens
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(crate) struct WatchArgs {
    /// A run directory, or the beginning of a run's id
    run: String,
    /// Begin with the event of this number
    #[arg(long, value_name = "SEQ", default_value_t = 1)]
    from: u64,
    /// Show events of these types only, such as 'trial.*' or '{run,node}.*'; may be repeated
    #[arg(long = "filter", value_name = "GLOB")]
    filters: Vec<TypeGlob>,
    /// How the events are printed
    #[arg(long, value_enum, default_value_t)]
    format: FeedFormat,
}

const MORE: &str = "\
Events come from the run's message bus, with the observer's password of the run's bus.json, and from the log's files
while the bus cannot be reached; each comes once and in order. With --format json they are the lines of the log, and
everything else, such as the mark between what has happened and what happens, is on standard error. Without --filter,
the text leaves out what only matters in an audit.

The command ends when the run does, with the run's exit code; at once if it has ended already. If the process that runs
it is gone, that is told, and the command waits until `hpcbench resume` continues the run. While a run waits for its Slurm
job, what the job waits for is told.";

/// Prints events until the run ends.
///
/// # Errors
/// There is no such run, its log is damaged, or standard output cannot be written.
pub(crate) fn run(args: WatchArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let run_dir = find_run(runs_dir, &args.run)?;
    let plan = read_plan(&run_dir)?;
    let filter = TypeFilter::any_of(args.filters);
    let mut printer = Printer::new(&plan, args.format, filter, io::stdout());
    if let Some(Ok(first)) = history(&run_dir, Until::End)?.next() {
        printer.begin(first.event.at);
    }
    // The bus has a thread of its own: whoever reads our output may be slow.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("failed to start the connection's thread")?;
    let ended = runtime.block_on(async {
        let mut feed = Feed::new(&run_dir, Seq(args.from));
        let is_job = plan.launch.mode == LaunchMode::Slurm;
        tokio::select! {
            ended = show(&mut feed, &mut printer, &run_dir, is_job) => ended,
            () = nobody_reads() => Ok(ExitCode::SUCCESS),
            () = tell_of_job(&run_dir), if is_job => Ok(ExitCode::SUCCESS),
        }
    });
    // A file system that does not answer is not waited for.
    runtime.shutdown_background();
    ended
}

async fn show(
    feed: &mut Feed,
    printer: &mut Printer<io::Stdout>,
    run_dir: &Path,
    is_job: bool,
) -> anyhow::Result<ExitCode> {
    const PRINT: &str = "failed to print an event";
    loop {
        let step = feed.next().await;
        let step = step.with_context(|| format!("failed to follow the events of {}", run_dir.display()))?;
        if let Step::Event(line) = &step {
            printer.event(&line.event, &line.bytes).context(PRINT)?;
            continue;
        }
        // In this order on a terminal.
        printer.flush().context(PRINT)?;
        match step {
            Step::Event(_) | Step::Pause => {}
            Step::CaughtUp(seq) => terminal::say(&format!("caught up with the run after event {seq}")),
            Step::Discarded { from } => terminal::say(&format!(
                "the events from {from} on never happened: a new writer went on before them; what follows did happen"
            )),
            Step::NotBegun => terminal::say("the run has no events yet; waiting for them"),
            // The job says how it stands.
            Step::WriterGone(_) | Step::Silent(_) if is_job => {}
            Step::WriterGone(writer) => terminal::say(&format!(
                "the process that ran it ({} on {}) has gone without ending the run; waiting for `hpcbench resume {}`",
                writer.pid,
                writer.host,
                run_dir.display()
            )),
            Step::Silent(writer) => terminal::say(&format!(
                "nothing new for a while, and the bus cannot be reached; whether the process that runs it ({} on {}) \
                 lives cannot be told from here; waiting",
                writer.pid, writer.host
            )),
            Step::Ended(exit_code) => return Ok(ExitCode::from(exit_code)),
        }
    }
}

/// Says how the job of a run stands that nobody is at work on, whenever that is news. Never ends.
async fn tell_of_job(run_dir: &Path) {
    let mut said = None;
    loop {
        let run_dir = run_dir.to_owned();
        // Slurm and the file system may be slow.
        let words = tokio::task::spawn_blocking(move || words_of_job(&run_dir)).await;
        if let Ok(words) = words
            && words != said
        {
            if let Some(words) = &words {
                terminal::say(words);
            }
            said = words;
        }
        tokio::time::sleep(LOOK_AT_JOB).await;
    }
}

/// How the job stands; none while the run goes on, or if it cannot be told.
fn words_of_job(run_dir: &Path) -> Option<String> {
    let view = RunView::load(run_dir).ok()?;
    let job = standing::of(run_dir, &view).filter(|_| view.state.outcome.is_none())?;
    let words = job.in_words();
    match job {
        JobStanding::Gone { .. } => Some(format!(
            "{words}; waiting for `hpcbench resume --submit {}`",
            run_dir.display()
        )),
        _ => view.state.is_over().then_some(words),
    }
}

/// Ends when standard output is a pipe that nobody reads any more.
async fn nobody_reads() {
    loop {
        let stdout = io::stdout();
        let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        let polled = poll(&mut fds, PollTimeout::ZERO);
        let [fd] = fds;
        let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
        if polled.is_ok() && fd.revents().is_some_and(|events| events.intersects(gone)) {
            return;
        }
        tokio::time::sleep(LOOK_FOR_READER).await;
    }
}
