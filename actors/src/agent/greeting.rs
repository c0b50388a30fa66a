//! What an agent is told when it starts: over its standard input or by a file, for it holds a password.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hpcbench_core::{Epoch, NodeId, RunId, Seq};
use hpcbench_journal::LOOKUP_CACHE_WAIT;
use hpcbench_nats::Secret;
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

use crate::shell::AddressPolicy;

/// Longest greeting.
const MAX_BYTES: u64 = 64 * 1024;
/// Where greetings for other nodes are, below the run directory.
const FOLDER: &str = "job/greetings";
/// How long a greeting may take to appear, where all nodes see a new file at once.
const APPEARS: Duration = Duration::from_secs(10);
/// Pause between two looks for it.
const LOOK: Duration = Duration::from_millis(100);

/// What an agent is told when it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Greeting {
    /// The run.
    pub run: RunId,
    /// The orchestrator's epoch.
    pub epoch: Epoch,
    /// Hash of the plan that the agent has to find in the run directory.
    pub plan: String,
    /// The event that asks for this agent.
    pub cause: Seq,
    /// Where the bus is.
    pub bus: String,
    /// The agent's own password for it.
    pub password: Secret,
    /// What the tokens of the run's services are made of: all agents of an epoch are told the same.
    pub service_secret: Secret,
    /// The run's directory on the node's disk.
    pub scratch: ScratchPlace,
    /// Which address the node's programs listen on.
    pub address: AddressPolicy,
    /// The address of another node of the run, which those programs are to be reached from.
    pub peer: Option<IpAddr>,
    /// The host, as the batch system names it.
    pub host: Option<String>,
    /// What the agent does without orchestrator; none: its end is that of its standard input.
    pub orphan: Option<OrphanOrders>,
}

/// Where an agent puts what is not for the run directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScratchPlace {
    /// In a directory that the orchestrator has made on this node.
    Shared(PathBuf),
    /// In one of its own below this.
    Below(PathBuf),
}

/// What an agent does that has lost its orchestrator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrphanOrders {
    /// Seconds without the bus after which the orchestrator counts as lost.
    pub timeout_seconds: f64,
    /// What is run then, once for all agents. Empty: nothing.
    pub hook: Vec<String>,
    /// How many agents come before this one.
    pub rank: u32,
}

/// Where an agent finds its greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GreetingSource {
    /// The first line of standard input, which then stays open as long as the orchestrator lives.
    StandardInput,
    /// This file, which the agent removes.
    File(PathBuf),
}

impl GreetingSource {
    /// Reads the greeting, once.
    pub(super) async fn read(&self) -> io::Result<Greeting> {
        let line = match self {
            Self::StandardInput => {
                let mut line = String::new();
                let stdin = io::stdin();
                BufReader::new(stdin.lock().take(MAX_BYTES)).read_line(&mut line)?;
                line
            }
            Self::File(path) => {
                let until = Instant::now() + patience(path);
                loop {
                    match take_file(path) {
                        Err(error) if error.kind() == io::ErrorKind::NotFound && Instant::now() < until => {
                            tokio::time::sleep(LOOK).await;
                        }
                        taken => break taken?,
                    }
                }
            }
        };
        Ok(serde_json::from_str(&line)?)
    }
}

/// How long to look for a file that another node has written: some network file systems show it late.
fn patience(path: &Path) -> Duration {
    // The folder may not be seen yet either. Where it cannot be told, the worst is assumed.
    let seen = path.ancestors().find(|above| above.is_dir());
    let is_late = seen.is_none_or(|folder| hpcbench_journal::lookups_cached(folder).unwrap_or(true));
    if is_late { LOOKUP_CACHE_WAIT } else { APPEARS }
}

/// Reads a file that only this user can have written, and removes it.
fn take_file(path: &Path) -> io::Result<String> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NOFOLLOW.bits());
    let file = options.open(path)?;
    let found = file.metadata()?;
    if found.uid() != nix::unistd::getuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(io::Error::other("other users could have written or read it"));
    }
    fs::remove_file(path)?;
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// A greeting in a file. Dropping it removes the file, if the agent has not.
#[derive(Debug)]
pub(crate) struct GreetingFile(PathBuf);

impl GreetingFile {
    /// Writes the greeting of a node's agent, for its owner alone: there must be none of that launch.
    pub(crate) fn create(
        run_dir: &Path,
        node: &NodeId,
        launch: u32,
        greeting: &Greeting,
    ) -> io::Result<Self> {
        let folder = run_dir.join(FOLDER);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let found = fs::symlink_metadata(&folder)?;
        if !found.is_dir() || found.uid() != nix::unistd::getuid().as_raw() || found.mode() & 0o077 != 0 {
            return Err(io::Error::other("the folder of greetings is open to other users"));
        }
        let path = folder.join(format!("{node}-{}-{launch}.json", greeting.epoch));
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
        let this = Self(path);
        file.write_all(&serde_json::to_vec(greeting)?)?;
        file.sync_all()?;
        Ok(this)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for GreetingFile {
    fn drop(&mut self) {
        // As a rule the agent has taken it.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn greeting() -> Greeting {
        Greeting {
            run: "r1".parse().unwrap(),
            epoch: Epoch(2),
            plan: "ab".to_owned(),
            cause: Seq(4),
            bus: "nats://10.3.0.7:4222".to_owned(),
            password: Secret::from_random([7; hpcbench_nats::SECRET_BYTES]),
            service_secret: Secret::from_random([7; hpcbench_nats::SECRET_BYTES]),
            scratch: ScratchPlace::Below("/tmp".into()),
            address: AddressPolicy::Fastest,
            peer: Some("10.3.0.8".parse().unwrap()),
            host: Some("n1".to_owned()),
            orphan: Some(OrphanOrders {
                timeout_seconds: 60.0,
                hook: vec!["true".to_owned()],
                rank: 1,
            }),
        }
    }

    #[test]
    fn a_file_is_private_and_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let node: NodeId = "client-1".parse().unwrap();
        let file = GreetingFile::create(dir.path(), &node, 1, &greeting()).unwrap();
        assert!(file.path().ends_with("job/greetings/client-1-2-1.json"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(file.path()), 0o600);
        assert_eq!(mode(file.path().parent().unwrap()), 0o700);
        assert!(GreetingFile::create(dir.path(), &node, 1, &greeting()).is_err());
        // The refused one has not removed what was there.
        let source = GreetingSource::File(file.path().to_path_buf());
        let read = actix::System::new().block_on(source.read());
        assert_eq!(read.unwrap(), greeting());
        assert!(!file.path().exists());
    }

    #[test]
    fn what_others_can_read_or_lead_elsewhere_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open.json");
        fs::write(&open, serde_json::to_vec(&greeting()).unwrap()).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(take_file(&open).unwrap_err().to_string().contains("other users"));
        fs::set_permissions(&open, fs::Permissions::from_mode(0o600)).unwrap();
        let link = dir.path().join("link.json");
        std::os::unix::fs::symlink(&open, &link).unwrap();
        assert!(take_file(&link).is_err());
        let folder = dir.path().join(FOLDER);
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let node = "server".parse().unwrap();
        assert!(GreetingFile::create(dir.path(), &node, 1, &greeting()).is_err());
    }

    #[test]
    fn a_file_that_nobody_took_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let file = GreetingFile::create(dir.path(), &"server".parse().unwrap(), 1, &greeting()).unwrap();
        let path = file.path().to_path_buf();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn no_password_is_shown() {
        let password = greeting().password;
        assert!(!format!("{:?}", greeting()).contains(password.expose()));
    }
}
