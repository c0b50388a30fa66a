//! `hpcbench cancel`: asks a run to end.

mod file;
mod standing;
mod waiting;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use hpcbench_actors::shell::{hostname, user};
use hpcbench_core::message::{CancelPayload, CommandReply};
use hpcbench_nats::{BusError, Control, ControlBus};
use hpcbench_report::find_run;

use crate::commands::run::audit::command_line;
use crate::exit::{self, Failure};
use crate::terminal;
use file::{CancelFile, Taken};
use standing::Standing;

/// How long a connection to the bus may take to come about.
const CONNECT: Duration = Duration::from_secs(2);
/// How long the orchestrator may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Longest reason, in characters. The log keeps some more.
const MAX_REASON_CHARS: usize = 300;

/// Ask a run to end: its service, its agents and it itself end in order
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(crate) struct CancelArgs {
    /// A run directory, or the beginning of a run's id
    run: String,
    /// Why, for the log
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

const MORE: &str = "\
The run is asked over its message bus, with the control password of its bus.json. Where the bus cannot be reached, the
file `cancel` in the run directory asks; the orchestrator looks for it every second. A run whose Slurm job still waits is
cancelled together with its job. Who asked is in the log.

Exit codes of this command:
  0  the run ends, or has ended, or its process is gone so that nothing goes on
  1  the run was asked and goes its own way: it is ending for another reason
  3  nobody has taken notice yet";

/// Asks a run to end.
///
/// # Errors
/// There is no such run, or nobody takes notice.
pub(crate) fn run(args: &CancelArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let run_dir = find_run(runs_dir, &args.run)?;
    let standing = Standing::of(&run_dir);
    if let Some(settled) = standing.settled() {
        terminal::say(&settled);
        return Ok(ExitCode::SUCCESS);
    }
    if standing == Standing::NotBegun {
        let words = "the run has not begun: there is nobody who could be asked to end it";
        return Err(Failure::Environment(words.to_owned()).into());
    }
    if let Standing::Waiting { job } = standing {
        return waiting::cancel(&run_dir, &job, args.reason.clone());
    }
    let request = serde_json::to_string(&CancelPayload {
        user: Some(user()),
        host: Some(hostname()),
        reason: args.reason.clone(),
        command_line: command_line(),
    })?;
    match over_the_bus(&run_dir, &request) {
        Ok(CommandReply { refused: None }) => {
            terminal::say("the run has been asked to end; `hpcbench watch` shows how it does");
            Ok(ExitCode::SUCCESS)
        }
        Ok(CommandReply {
            refused: Some(reason),
        }) => {
            terminal::say(&format!("the run does not need to be cancelled: {reason}"));
            Ok(ExitCode::from(exit::INTERRUPTED))
        }
        Err(error) => {
            terminal::say(&format!("the bus cannot be used: {}", exit::in_words(&error)));
            by_file(&run_dir, &request)
        }
    }
}

/// A reason of a length that the log keeps.
fn reason(text: &str) -> Result<String, String> {
    if text.chars().count() > MAX_REASON_CHARS {
        return Err(format!("it has more than {MAX_REASON_CHARS} characters"));
    }
    Ok(text.to_owned())
}

fn over_the_bus(run_dir: &Path, request: &str) -> anyhow::Result<CommandReply> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the connection")?;
    let answer = runtime.block_on(async {
        let control = Control::connect(run_dir, CONNECT).await?;
        let answer = control.cancel(request.to_owned().into(), ANSWER).await?;
        Ok::<_, BusError>(answer)
    });
    runtime.shutdown_background();
    serde_json::from_slice(&answer?).context("the orchestrator's answer cannot be read")
}

fn by_file(run_dir: &Path, request: &str) -> anyhow::Result<ExitCode> {
    // The request may have arrived all the same, or the run may have ended meanwhile.
    let standing = Standing::of(run_dir);
    if let Some(settled) = standing.settled() {
        terminal::say(&settled);
        return Ok(ExitCode::SUCCESS);
    }
    let writer = match &standing {
        Standing::Active { writer } => writer.as_ref(),
        _ => None,
    };
    let file = CancelFile::write(run_dir, request)?;
    terminal::say(&format!(
        "left the request in {}, which the orchestrator looks for every second",
        file.path().display()
    ));
    match file.wait(writer) {
        Taken::Yes => {
            terminal::say("the orchestrator took it: the run ends");
            Ok(ExitCode::SUCCESS)
        }
        Taken::ToNoEffect => {
            terminal::say("the orchestrator took it, but the run is ending for another reason already");
            Ok(ExitCode::from(exit::INTERRUPTED))
        }
        Taken::NotNeeded(words) => {
            terminal::say(&words);
            Ok(ExitCode::SUCCESS)
        }
        Taken::No(waited) => Err(Failure::Environment(format!(
            "nobody has taken the request within {} s: {} stays there for an orchestrator that still lives on another \
             host or is held up; remove it to take the request back",
            waited.as_secs(),
            file.path().display()
        ))
        .into()),
    }
}
