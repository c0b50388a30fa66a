//! How to start nats-server. Whoever starts it does so; this says what with.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::config::Rendered;
use super::{ConfigError, ServerConfig};
use crate::Secret;
use crate::rendezvous::write_private;

/// nats-server was not prepared.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Its configuration cannot be written down.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file system refused.
    #[error("nats-server could not be prepared: failed to {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// A nats-server to start.
#[derive(Debug)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; the run directory, as given, is part of one.
    pub arguments: Vec<OsString>,
    /// Passwords that it reads from its environment, in addition to what it inherits.
    pub environment: Vec<(String, Secret)>,
    configuration: PathBuf,
    text: String,
    host: IpAddr,
    store: PathBuf,
    ports_directory: PathBuf,
}

impl ServerConfig {
    /// How to start `program` with this configuration.
    pub fn launch(&self, program: PathBuf) -> Result<Launch, ConfigError> {
        let Rendered { text, environment } = self.render()?;
        let configuration = self.run_directory.join("job").join("nats-server.conf");
        Ok(Launch {
            program,
            arguments: vec!["--config".into(), configuration.clone().into_os_string()],
            environment,
            configuration,
            text,
            host: self.host,
            store: self.store.clone(),
            ports_directory: self.ports_directory(),
        })
    }
}

impl Launch {
    /// Writes the configuration, makes the folders, and removes the ports files of former servers. To be called right
    /// before each start.
    pub fn prepare(&self) -> Result<(), LaunchError> {
        let run_folder = self.configuration.parent().unwrap_or(Path::new("."));
        for folder in [run_folder, &self.store, &self.ports_directory] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|source| LaunchError::Io {
                action: "create",
                path: folder.to_owned(),
                source,
            })?;
        }
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| LaunchError::Io { action, path, source }
        };
        for stale in ports_files(&self.ports_directory).map_err(failed("read", &self.ports_directory))? {
            fs::remove_file(&stale).map_err(failed("remove", &stale))?;
        }
        write_private(&self.configuration, self.text.as_bytes()).map_err(failed("write", &self.configuration))
    }

    pub(super) fn host(&self) -> IpAddr {
        self.host
    }

    pub(super) fn ports_directory(&self) -> &Path {
        &self.ports_directory
    }
}

/// The ports files in a folder: nats-server puts its process id into the name.
pub(super) fn ports_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ports") {
            found.push(path);
        }
    }
    Ok(found)
}
