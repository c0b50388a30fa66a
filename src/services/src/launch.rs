//! How an instance of a service is started and ended.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use hpcbench_recipes::plan::{SecretSource, ServicePlan};

/// Variables that a service inherits from the agent; no other one gets through.
const INHERITED: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_HOME",
    "OMP_NUM_THREADS",
    "RUST_BACKTRACE",
];

/// Where and for what an instance is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchContext {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on.
    pub port: u16,
    /// Our own executable.
    pub hpcbench_exe: PathBuf,
    /// The run's directory, as given.
    pub run_dir: PathBuf,
    /// A directory on this node that the instance may fill.
    pub scratch: PathBuf,
    /// Which instance of this node it is, from 0.
    pub instance: u32,
    /// How many GPUs it may use.
    pub gpus: u32,
    /// What the kind has said it needs besides.
    pub extras: Extras,
}

/// What a process needs besides an address, a port and a directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Further free ports.
    pub ports: usize,
    /// Further free ports of an instance's first process, which all of its processes are told of.
    pub head_ports: usize,
    /// Whether it needs a directory whose path is short enough for the sockets that it makes there: at most
    /// [`SHORT_PATH_BYTES`].
    pub short_path: bool,
}

/// Longest path of a directory for sockets. Their own names, such as those of Ray, take up to 65 of the 107 bytes that there are.
pub const SHORT_PATH_BYTES: usize = 40;

/// What a process got of what it [needs](Needs).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    /// Further free ports.
    pub ports: Vec<u16>,
    /// A directory of its own with a short path, as the process sees it.
    pub short_path: PathBuf,
}

/// How an instance comes to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// By this command.
    Launch(LaunchCommand),
    /// On a cluster of its own, which has to be complete first.
    OnCluster(Box<OnCluster>),
    /// It runs already; nobody here starts or ends it.
    External,
}

/// The first process of an instance whose processes form a cluster before they serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCluster {
    /// Starts the cluster on this node, and runs as long as the cluster is to.
    pub node: LaunchCommand,
    /// Prints how the cluster stands; repeated until [`Service::judge_cluster`](crate::Service::judge_cluster) finds it complete.
    pub status: LaunchCommand,
    /// Starts the service on the complete cluster.
    pub service: LaunchCommand,
}

/// A command to start. No shell is involved, and no secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchCommand {
    /// The program: an absolute path, or a name to look up in PATH.
    pub program: PathBuf,
    /// Its arguments, without the program's name.
    pub arguments: Vec<OsString>,
    /// Variables to take over from the agent's environment, if they are set there. Everything else is cleared.
    pub inherited: Vec<&'static str>,
    /// Variables with their values.
    pub environment: BTreeMap<String, OsString>,
    /// What it uses of the node's file system, besides its scratch directory and what the recipe binds: shown inside a container
    /// under the same path.
    pub paths: Vec<HostPath>,
    /// Variables whose values are secret, and where the values are found: they are read just before the start.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Variables whose values the run makes up.
    pub tokens: BTreeMap<String, Token>,
}

/// A text that the run makes up, anew in each epoch, and that stands nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// What only the processes of the instance know.
    Instance,
    /// What the run's clients send to its services, see [`ApiKey::OfTheRun`](crate::ApiKey::OfTheRun).
    ApiKey,
}

impl LaunchCommand {
    /// A command with the environment that every service gets: what is on the list, and what the recipe sets.
    pub(crate) fn new(program: PathBuf, arguments: Vec<OsString>, plan: &ServicePlan) -> Self {
        let recipe = plan
            .environment
            .iter()
            .map(|(name, value)| (name.clone(), OsString::from(value)));
        Self {
            program,
            arguments,
            inherited: INHERITED.to_vec(),
            environment: recipe.collect(),
            paths: Vec::new(),
            secrets: plan.secrets.clone(),
            tokens: BTreeMap::new(),
        }
    }

    /// A program that only looks around: it gets no secrets.
    pub fn tool(program: &str, arguments: &[&str], plan: &ServicePlan) -> Self {
        let arguments = arguments.iter().map(OsString::from).collect();
        Self {
            secrets: BTreeMap::new(),
            ..Self::new(program.into(), arguments, plan)
        }
    }

    /// Sets a variable, whatever the recipe says.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.insert(name.to_owned(), value.into());
    }

    /// Sets a variable that the recipe does not set.
    pub(crate) fn set_default(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment
            .entry(name.to_owned())
            .or_insert_with(|| value.into());
    }

    /// Needs a path to read from.
    pub(crate) fn reads(&mut self, path: impl Into<PathBuf>) {
        self.needs(path.into(), false);
    }

    /// Needs a path to read from and to write to.
    pub(crate) fn writes(&mut self, path: impl Into<PathBuf>) {
        self.needs(path.into(), true);
    }

    fn needs(&mut self, path: PathBuf, writable: bool) {
        self.paths.push(HostPath { path, writable });
    }
}

/// A part of a node's file system that a service uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPath {
    /// The directory, absolute.
    pub path: PathBuf,
    /// Whether the service writes there.
    pub writable: bool,
}

/// How a service is ended: SIGTERM, and after a grace period SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopPolicy {
    /// How long it may take to end by itself.
    pub grace: Duration,
}
