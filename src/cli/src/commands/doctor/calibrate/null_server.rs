//! The server that a calibration sends its load to, as a process of its own, so that its processor time is not the client's:
//! for requests one that answers at once, for streams, which have a pace, the simulated service.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use hpcbench_sim::{SimDuration, SimulatorConfig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::level::Load;
use crate::logging::FILTER_VARIABLE;
use crate::program;

/// What comes before the address in its first line.
const LISTENING: &str = "listening on http://";
/// From the request to end until the end is forced, in seconds.
const GRACE: &str = "1";
/// Nobody asks for the truth.
const TRUTH_REQUESTS: usize = 1;

/// A null server. It ends when this is dropped, or when this process is killed.
#[derive(Debug)]
pub(super) struct NullServer {
    guard: Child,
    address: SocketAddr,
}

impl NullServer {
    /// Starts one that fits the load, and waits until it listens.
    ///
    /// # Errors
    /// It cannot be started, or says something else than its address.
    pub(super) fn start(load: Load, scratch: &Path) -> anyhow::Result<Self> {
        let hpcbench = program::executable()?;
        let guard = Command::new(&hpcbench)
            .args(["guard", "--grace", GRACE, "--run-dir"])
            .arg(scratch)
            .arg("--")
            .arg(&hpcbench)
            .args(arguments(load)?)
            .env(FILTER_VARIABLE, "warn")
            // The guard ends its program when this pipe closes, however this process ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start the null server")?;
        let mut server = Self {
            guard,
            address: ([127, 0, 0, 1], 0).into(),
        };
        server.address = server.listens_on().context("the null server did not start")?;
        Ok(server)
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    fn listens_on(&mut self) -> anyhow::Result<SocketAddr> {
        let stdout = self.guard.stdout.take().context("it has no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().strip_prefix(LISTENING);
        let address = address.with_context(|| format!("it said {line:?} instead of where it listens"))?;
        Ok(address.parse()?)
    }
}

impl Drop for NullServer {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.guard.id() as i32), Signal::SIGTERM);
        let _ = self.guard.wait();
    }
}

/// What the program is told to serve that load.
fn arguments(load: Load) -> serde_json::Result<Vec<String>> {
    let Load::Streams { itl_ms } = load else {
        return Ok(vec!["null-server".to_owned()]);
    };
    // The first token comes at the pace of the others.
    let pace = SimDuration::from_millis(itl_ms);
    let options = SimulatorConfig {
        ttft: pace,
        itl: pace,
        truth_requests: TRUTH_REQUESTS,
        ..SimulatorConfig::default()
    };
    let options = serde_json::to_string(&options)?;
    Ok(["simulate", "--options", &options].map(str::to_owned).into())
}
