//! `hpcbench guard`: the small process between an agent and a program that knows nothing of runs.
//!
//! No runtime and no logging here: a guard has to stay small and to start at once.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use hpcbench_actors::process::{Exit, GuardOptions, exec_child, run_guard};
use nix::sys::resource::{Resource, setrlimit};

use crate::{program, terminal};

/// What a shell exits with when a program cannot be started.
const CANNOT_EXECUTE: u8 = 127;
/// What a shell adds to the number of the signal that ended a program.
const SIGNALLED: i32 = 128;

/// Run a program and end everything below it when the run is over. A run starts such processes for itself.
#[derive(Debug, clap::Args)]
pub(crate) struct GuardArgs {
    /// The run's directory. It is not read: it only makes the process recognisable in a process list
    #[arg(long, value_name = "DIR", required_unless_present = "exec")]
    run_dir: Option<PathBuf>,
    /// From the request to end until the end is forced
    #[arg(long, value_name = "SECONDS", required_unless_present = "exec")]
    grace: Option<u32>,
    /// The processors that the program is bound to; otherwise it may use any
    #[arg(long, value_name = "CPU,...", value_delimiter = ',')]
    cpus: Vec<usize>,
    /// Become the program instead of watching it
    #[arg(long, conflicts_with_all = ["run_dir", "grace", "cpus"])]
    exec: bool,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Ends like the program that it guards: with its exit code, or by its signal.
///
/// # Errors
/// The system refuses what a guard needs.
pub(crate) fn run(args: GuardArgs) -> anyhow::Result<ExitCode> {
    if args.exec {
        let error = exec_child(&args.command);
        let name = args
            .command
            .first()
            .map(|name| name.to_string_lossy())
            .unwrap_or_default();
        terminal::say(&format!("failed to start {name}: {error}"));
        return Ok(ExitCode::from(CANNOT_EXECUTE));
    }
    let options = GuardOptions {
        hpcbench: program::executable()?.into_os_string(),
        exec_args: ["guard", "--exec", "--"].map(OsString::from).to_vec(),
        command: args.command,
        grace: Duration::from_secs(args.grace.unwrap_or_default().into()),
        cpus: args.cpus,
    };
    match run_guard(&options).context("failed to guard a program")? {
        Exit::Code(code) => Ok(ExitCode::from(code as u8)),
        Exit::Signal(signal) => Ok(end_by(signal)),
    }
}

/// Ends this process by a signal, so that whoever waits for it sees how the program ended. The exit code is for a
/// signal that this cannot be done with.
fn end_by(signal: i32) -> ExitCode {
    // The program has left a core already, if it was to.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    ExitCode::from((SIGNALLED + signal) as u8)
}
