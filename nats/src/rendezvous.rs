//! `bus.json`: where outsiders find a run's bus, and with what credential.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hpcbench_core::{Epoch, RunId};
use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::limits::MAX_RENDEZVOUS_BYTES;

/// The format that this program writes.
const VERSION: u32 = 1;

/// The file's name in a run directory.
const FILE_NAME: &str = "bus.json";

/// The contents of `bus.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendezvous {
    /// Version of this format.
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// The epoch whose orchestrator wrote it.
    pub epoch: Epoch,
    /// Where nats-server listens.
    pub url: String,
    /// The prefix of JetStream's API for observers.
    pub api_prefix: String,
    /// The stream that holds the events.
    pub stream: String,
    /// Who outsiders may be.
    pub credentials: Credentials,
}

/// The outsiders' credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// May read events, live logs and metrics.
    pub observer: Credential,
    /// May ask to cancel the run.
    pub control: Credential,
}

/// A user of the bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: Secret,
}

/// `bus.json` could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RendezvousError {
    /// There is none: the run has not started its bus, or has ended.
    #[error("{} does not exist: the run's bus has not started or has ended", .0.display())]
    Absent(PathBuf),
    /// The file system refused.
    #[error("failed to {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It holds something else.
    #[error("{} is not a bus.json of version {VERSION}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, if it is not the version.
        #[source]
        source: Option<serde_json::Error>,
    },
}

impl Rendezvous {
    /// The rendezvous of `epoch`'s nats-server at `url`.
    pub fn new(run: RunId, epoch: Epoch, url: String, observer: Secret, control: Secret) -> Self {
        let credential = |user: &str, password| Credential {
            user: user.to_owned(),
            password,
        };
        Self {
            version: VERSION,
            run,
            epoch,
            url,
            api_prefix: crate::names::OBSERVER_API.to_owned(),
            stream: crate::names::EVENTS.to_owned(),
            credentials: Credentials {
                observer: credential(crate::names::OBSERVER, observer),
                control: credential(crate::names::CONTROL, control),
            },
        }
    }

    /// Where a run directory has its `bus.json`.
    pub fn path(run_directory: &Path) -> PathBuf {
        run_directory.join(FILE_NAME)
    }

    /// Changes the time of `bus.json`, as a sign of life for whoever cannot reach the bus.
    pub fn touch(run_directory: &Path) -> io::Result<()> {
        let file = OpenOptions::new().append(true).open(Self::path(run_directory))?;
        file.set_modified(SystemTime::now())
    }

    /// When `bus.json` was last touched, by the clock of its orchestrator's host. Opened for that, so that a file system that
    /// caches attributes asks its server.
    pub fn touched(run_directory: &Path) -> io::Result<SystemTime> {
        File::open(Self::path(run_directory))?.metadata()?.modified()
    }

    /// Whether the bus listens on its own host alone.
    pub fn is_loopback(&self) -> bool {
        let address = self.url.split("://").nth(1).unwrap_or(&self.url);
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
    }

    /// Reads the `bus.json` of a run directory.
    pub fn read(run_directory: &Path) -> Result<Self, RendezvousError> {
        let path = Self::path(run_directory);
        let failed = |action, source| RendezvousError::Io {
            action,
            path: path.clone(),
            source,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(RendezvousError::Absent(path));
            }
            Err(error) => return Err(failed("open", error)),
        };
        let mut text = Vec::new();
        file.take(MAX_RENDEZVOUS_BYTES)
            .read_to_end(&mut text)
            .map_err(|error| failed("read", error))?;
        match serde_json::from_slice::<Self>(&text) {
            Ok(read) if read.version == VERSION => Ok(read),
            Ok(_) => Err(RendezvousError::Format { path, source: None }),
            Err(error) => Err(RendezvousError::Format {
                path,
                source: Some(error),
            }),
        }
    }

    /// Writes it into a run directory: readable for its owner only, and whole or not at all.
    pub fn write(&self, run_directory: &Path) -> Result<(), RendezvousError> {
        let path = Self::path(run_directory);
        let temporary = run_directory.join(format!(".{FILE_NAME}.{}", self.epoch));
        let text = serde_json::to_vec_pretty(self).map_err(|error| RendezvousError::Format {
            path: path.clone(),
            source: Some(error),
        })?;
        let written = write_private(&temporary, &text).and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|source| RendezvousError::Io {
            action: "write",
            path,
            source,
        })
    }
}

/// Writes a file that only its owner may read, and syncs it.
pub(crate) fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    // A leftover may have other permissions: make it anew.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::SECRET_BYTES;

    fn sample(url: &str) -> Rendezvous {
        let secret = |byte| Secret::from_random([byte; SECRET_BYTES]);
        Rendezvous::new(
            "r1".parse().unwrap(),
            Epoch(2),
            url.to_owned(),
            secret(1),
            secret(2),
        )
    }

    #[test]
    fn is_private_and_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        sample("nats://127.0.0.1:1").write(dir.path()).unwrap();
        let replacement = sample("nats://127.0.0.1:2");
        replacement.write(dir.path()).unwrap();
        assert_eq!(Rendezvous::read(dir.path()).unwrap(), replacement);
        let mode = fs::metadata(Rendezvous::path(dir.path()))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }

    #[test]
    fn a_touch_changes_its_time_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Rendezvous::touch(dir.path()).is_err() && Rendezvous::touched(dir.path()).is_err());
        let written = sample("nats://127.0.0.1:1");
        written.write(dir.path()).unwrap();
        let past = SystemTime::now() - std::time::Duration::from_mins(1);
        let file = File::open(Rendezvous::path(dir.path())).unwrap();
        file.set_modified(past).unwrap();
        let before = Rendezvous::touched(dir.path()).unwrap();
        Rendezvous::touch(dir.path()).unwrap();
        assert!(Rendezvous::touched(dir.path()).unwrap() > before);
        assert_eq!(Rendezvous::read(dir.path()).unwrap(), written);
    }

    #[test]
    fn knows_whether_others_can_reach_it() {
        for near in ["nats://127.0.0.1:4222", "nats://[::1]:4222", "nats://localhost:1"] {
            assert!(sample(near).is_loopback(), "{near}");
        }
        for far in ["nats://10.3.0.7:4222", "nats://mel2041:4222"] {
            assert!(!sample(far).is_loopback(), "{far}");
        }
    }

    #[test]
    fn has_the_promised_fields() {
        let json = serde_json::to_value(sample("u")).unwrap();
        assert_eq!(json["version"], 1);
        assert_eq!(json["epoch"], 2);
        assert_eq!(json["api_prefix"], "RUN.API");
        assert_eq!(json["stream"], "EVENTS");
        assert_eq!(json["credentials"]["observer"]["user"], "observer");
        assert_eq!(
            json["credentials"]["control"]["password"],
            "02".repeat(SECRET_BYTES)
        );
    }

    #[test]
    fn says_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            Rendezvous::read(dir.path()),
            Err(RendezvousError::Absent(_))
        ));
        fs::write(Rendezvous::path(dir.path()), "{").unwrap();
        assert!(matches!(
            Rendezvous::read(dir.path()),
            Err(RendezvousError::Format { source: Some(_), .. })
        ));
        let mut future = sample("u");
        future.version = 2;
        future.write(dir.path()).unwrap();
        assert!(matches!(
            Rendezvous::read(dir.path()),
            Err(RendezvousError::Format { source: None, .. })
        ));
    }
}
