//! A server process that a test starts beside the program.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{get, wait_until};

/// How long a server may take to become healthy.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A port on the loopback interface that nobody listens on right now.
///
/// # Errors
///
/// There is none left.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts the command, which listens on this port of the loopback interface and writes to the log file, and waits
    /// until its `/health` answers 200.
    ///
    /// # Errors
    ///
    /// It cannot be started, ends, or does not become healthy; the error holds its log.
    pub fn start(mut command: Command, port: u16, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Self { child, address };
        let healthy = wait_until(START_LIMIT, "a healthy server", || {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended: {status}");
            }
            Ok(get(address, "/health")
                .ok()
                .filter(|answer| answer.status == 200)
                .map(drop))
        });
        healthy.with_context(|| format!("{command:?}:\n{}", fs::read_to_string(log).unwrap_or_default()))?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
