//! The nats-server that a run starts, with a hand on its store.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::paths::nats_server;
use crate::{Hpcbench, Process, Workdir};

/// A nats-server that loses its store when a test says so: at its next start, before it does anything else.
#[derive(Debug)]
pub struct ForgetfulBus {
    program: PathBuf,
    mark: PathBuf,
}

impl ForgetfulBus {
    /// Lays it down in the test's own folder.
    ///
    /// # Errors
    ///
    /// There is no nats-server, or the folder cannot be written.
    pub fn new(workdir: &Workdir) -> Result<Self> {
        let mark = workdir.path().join("forget");
        let program = workdir.path().join("forgetful-bus");
        let script = format!(
            "#!/bin/sh\nif [ -e '{mark}' ]; then\n  store=$(sed -n 's/^ *store_dir: \"\\(.*\\)\"$/\\1/p' \"$2\")\n  \
             rm -r \"$store\" && rm '{mark}'\nfi\nexec '{server}' \"$@\"\n",
            mark = mark.display(),
            server = nats_server()?.display(),
        );
        fs::write(&program, script)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700))?;
        Ok(Self { program, mark })
    }

    /// The command with this server as its nats-server.
    #[must_use]
    pub fn within(&self, command: Hpcbench) -> Hpcbench {
        command.env("HPCBENCH_NATS_SERVER", &self.program)
    }

    /// Lets the next start begin with an empty store.
    ///
    /// # Errors
    ///
    /// The former order has not been carried out, or this one cannot be given.
    pub fn forget(&self) -> Result<()> {
        ensure!(
            !self.has_to_forget(),
            "it has not started since it was told to forget"
        );
        fs::write(&self.mark, "").context("cannot tell the bus to forget")
    }

    /// Whether it still has to.
    pub fn has_to_forget(&self) -> bool {
        self.mark.exists()
    }
}

impl Process {
    /// Whether it is a nats-server itself, not somebody who only watches over it.
    pub fn is_bus(&self) -> bool {
        let program = self.command.split(' ').next();
        program.is_some_and(|program| program.ends_with("/nats-server"))
    }
}
