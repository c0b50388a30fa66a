//! A real inference server with a tiny model.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Result, bail};

use crate::harness::set_up;
use crate::paths::target;
use crate::{Server, Workdir, free_port};

/// llama.cpp's server, running. Dropping it kills it.
#[derive(Debug)]
pub struct Llama {
    server: Server,
}

impl Llama {
    /// Starts one with this many slots, each with room for 2,048 tokens. None, and a note that the test was skipped, where
    /// it cannot be had.
    ///
    /// # Errors
    ///
    /// Setting it up or starting it failed.
    pub fn start(test: &str, workdir: &Workdir, slots: u32) -> Result<Option<Self>> {
        let Some(lines) = set_up(test, "llama.sh", &[target().join("testbed/llama")])? else {
            return Ok(None);
        };
        let [program, model] = &lines[..] else {
            bail!("llama.sh printed no two paths: {lines:?}");
        };
        let port = free_port()?;
        let mut command = Command::new(program);
        command
            .arg("--model")
            .arg(model)
            .args([
                "--alias",
                "tiny",
                "--host",
                "127.0.0.1",
                "--metrics",
                "--log-disable",
            ])
            .args(["--port", &port.to_string()])
            .args([
                "--parallel",
                &slots.to_string(),
                "--ctx-size",
                &(slots * 2048).to_string(),
            ])
            .args(["--threads", "1", "--threads-batch", "1", "--threads-http", "8"]);
        let server = Server::start(command, port, &workdir.path().join("llama-server.txt"))?;
        Ok(Some(Self { server }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }
}
