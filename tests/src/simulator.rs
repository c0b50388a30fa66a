//! The simulated service as a server that "already runs".

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::paths::binary;
use crate::{Server, Workdir, free_port, get};

/// A running simulator. Dropping it kills it.
#[derive(Debug)]
pub struct Simulator {
    server: Server,
}

impl Simulator {
    /// Starts one with these options of `hpcbench simulate`.
    ///
    /// # Errors
    ///
    /// It does not become healthy.
    pub fn start(workdir: &Workdir, options: &[&str]) -> Result<Self> {
        Self::start_at(workdir, free_port()?, options)
    }

    /// The same at this port of the loopback interface.
    ///
    /// # Errors
    ///
    /// It does not become healthy.
    pub fn start_at(workdir: &Workdir, port: u16, options: &[&str]) -> Result<Self> {
        let mut command = Command::new(binary()?);
        command
            .arg("simulate")
            .args(["--port", &port.to_string()])
            .args(options);
        let server = Server::start(command, port, &workdir.path().join("simulator.txt"))?;
        Ok(Self { server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What it really did.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub fn truth(&self) -> Result<serde_json::Value> {
        self.told("/truth")
    }

    /// The same, with the time of every token's sending.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub fn truth_with_sends(&self) -> Result<serde_json::Value> {
        self.told("/truth?sends=1")
    }

    fn told(&self, path: &str) -> Result<serde_json::Value> {
        let answer = get(self.address(), path)?;
        ensure!(answer.status == 200, "{path} answered {answer:?}");
        answer.json()
    }
}
