//! A real inference server with a tiny model.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::paths::{target, workspace};
use crate::{Server, Workdir, free_port, skip};

/// The exit code by which the harness says that something cannot be had on this machine.
const SKIP: i32 = 77;

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
        let (program, model) = match install()? {
            Installed::Here { program, model } => (program, model),
            Installed::Unavailable { reason } => {
                skip(test, &reason);
                return Ok(None);
            }
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

/// What the harness found out.
enum Installed {
    Here { program: PathBuf, model: PathBuf },
    Unavailable { reason: String },
}

fn install() -> Result<Installed> {
    let script = workspace().join("tests/harness/llama.sh");
    let output = Command::new(&script)
        .arg(target().join("testbed/llama"))
        .output()
        .with_context(|| format!("cannot start {}", script.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(SKIP) {
        return Ok(Installed::Unavailable {
            reason: errors.trim().to_owned(),
        });
    }
    ensure!(output.status.success(), "{} failed: {errors}", script.display());
    let paths = String::from_utf8(output.stdout)?;
    match paths.lines().collect::<Vec<_>>()[..] {
        [program, model] => Ok(Installed::Here {
            program: program.into(),
            model: model.into(),
        }),
        _ => bail!("{} printed no two paths: {paths}", script.display()),
    }
}
