//! The service as a process of its own.

use std::io::{self, Read, Write};
use std::thread;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::stop::signal_socket;
use super::{Exit, SimError, Simulator};
use crate::config::SimulatorConfig;

/// Serves until SIGTERM or SIGINT, or until the configured end. Prints one line to the standard output as soon as
/// the address is bound: `listening on http://ADDRESS`.
///
/// Each connection is an open file, so the process's soft limit on these is raised to the hard one.
///
/// # Errors
/// Those of [`Simulator::bind`] and [`Simulator::run`]; or the standard output cannot be written.
pub fn serve(config: SimulatorConfig) -> Result<Exit, SimError> {
    raise_file_limit();
    let simulator = Simulator::bind(config)?;
    let mut signals = signal_socket().map_err(SimError::setup("watch for signals"))?;
    let stop = simulator.stop_handle();
    thread::Builder::new()
        .name("sim-signals".to_owned())
        .spawn(move || {
            if signals.read_exact(&mut [0]).is_ok() {
                stop.stop();
            }
        })
        .map_err(SimError::setup("start the thread that watches for signals"))?;
    announce(&simulator).map_err(SimError::setup("write to the standard output"))?;
    let exit = simulator.run()?;
    tracing::info!(?exit, "the simulated service ends");
    Ok(exit)
}

fn announce(simulator: &Simulator) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on http://{}", simulator.address())?;
    stdout.flush()
}

fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "cannot raise the limit of open files; connections beyond it will wait");
    }
}
