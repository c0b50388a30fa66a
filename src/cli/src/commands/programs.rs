//! Programs of a service's image, or of this machine where the service has no image.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hpcbench_actors::supervisor::environment;
use hpcbench_apptainer::{Apptainer, Bind, Container, Image, exec, prepare};
use hpcbench_recipes::{Plan, ServicePlan};
use hpcbench_services::{HostPath, LaunchCommand, PREFLIGHT_PATIENCE};
use tempfile::TempDir;

use super::run;
use crate::exit::Failure;
use crate::program;

/// Variables of this process that programs without a container get.
const INHERITED: [&str; 6] = ["PATH", "USER", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH"];
/// Variables about the way to the internet, which the programs need here.
const NETWORK: [&str; 9] = [
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "HF_ENDPOINT",
];
/// Seconds from the request to end until the end is forced.
const GRACE_SECONDS: &str = "5";
/// Pause between two looks at whether it has ended.
const POLL: Duration = Duration::from_millis(20);
/// Most that is read of what it says.
const MAX_PRINTED_BYTES: u64 = 64 * 1024;

/// Where programs come from, and where they may write.
pub(super) struct Programs {
    container: Option<Container>,
    scratch: TempDir,
    service: ServicePlan,
}

/// A program that runs. Everything below it ends when this is dropped, or this process is killed.
pub(super) struct Running {
    guard: Child,
    lifeline: Option<ChildStdin>,
}

impl Programs {
    /// Those of the service's image if it has one.
    pub(super) fn of(plan: &Plan, service: &ServicePlan) -> anyhow::Result<Self> {
        let base = run::chosen_scratch(plan).filter(|path| path.is_dir());
        let base = base.unwrap_or_else(run::default_scratch);
        let failed = || format!("failed to create a directory in {}", base.display());
        // Absolute, as a container needs it.
        let scratch = TempDir::with_prefix_in(
            "hpcbench-programs-",
            fs::canonicalize(&base).with_context(failed)?,
        );
        let scratch = scratch.with_context(failed)?;
        let container = match &service.image {
            None => None,
            Some(image) => {
                let path = PathBuf::from(&image.path);
                Image::look(&path)?;
                let binds = service.binds.iter().map(|bind| Bind::parse(bind));
                Some(Container {
                    apptainer: Apptainer::find()?.program,
                    image: path,
                    scratch: scratch.path().to_path_buf(),
                    gpus: false,
                    binds: binds
                        .collect::<Result<_, _>>()
                        .map_err(|error| Failure::Usage(error.to_string()))?,
                    variables: BTreeMap::new(),
                })
            }
        };
        Ok(Self {
            container,
            scratch,
            service: service.clone(),
        })
    }

    /// The command that runs a program that may write to `directory`, with these variables, the service's secrets and the way to
    /// the internet.
    fn command(
        &self,
        words: &[&str],
        directory: &Path,
        variables: &[(&str, String)],
    ) -> anyhow::Result<LaunchCommand> {
        let (name, arguments) = words.split_first().context("no program was named")?;
        let network = NETWORK.iter();
        let network = network.filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)));
        let set = variables.iter();
        let set = set.map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
        // A mirror, for example.
        let of_recipe = self.service.environment.iter();
        let of_recipe = of_recipe.map(|(name, value)| (name.clone(), OsString::from(value)));
        let home = ("HOME".to_owned(), self.scratch.path().as_os_str().to_owned());
        let command = LaunchCommand {
            program: (*name).into(),
            arguments: arguments.iter().map(OsString::from).collect(),
            inherited: INHERITED.to_vec(),
            environment: network.chain(of_recipe).chain(set).chain([home]).collect(),
            paths: vec![HostPath {
                path: directory.to_path_buf(),
                writable: true,
            }],
            secrets: self.service.secrets.clone(),
            tokens: BTreeMap::new(),
        };
        self.contained(command)
    }

    /// The command, inside of the image if there is one.
    fn contained(&self, command: LaunchCommand) -> anyhow::Result<LaunchCommand> {
        let Some(container) = &self.container else {
            return Ok(command);
        };
        prepare(&command, container).context("failed to prepare the container's directories")?;
        Ok(exec(command, container)?)
    }

    /// Where programs may write.
    pub(super) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Runs a command that tells what a program is, and gets no secrets, to its end and returns what it prints.
    pub(super) fn print(&self, mut command: LaunchCommand) -> anyhow::Result<String> {
        command.secrets.clear();
        command.tokens.clear();
        let name = command.program.display().to_string();
        let command = self.contained(command)?;
        let path = self.scratch.path().join("printed");
        let file = File::create(&path).with_context(|| format!("failed to create {}", path.display()))?;
        let mut running = self.guarded(&command, [file.into(), Stdio::null()])?;
        let since = Instant::now();
        let status = loop {
            if let Some(status) = running.has_ended()? {
                break status;
            }
            if since.elapsed() > PREFLIGHT_PATIENCE {
                bail!("{name} did not end within {} s", PREFLIGHT_PATIENCE.as_secs());
            }
            std::thread::sleep(POLL);
        };
        if !status.success() {
            bail!("{name} ended with {status}");
        }
        let mut printed = Vec::new();
        File::open(&path)?
            .take(MAX_PRINTED_BYTES)
            .read_to_end(&mut printed)?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    /// Starts a command below a guard.
    fn guarded(&self, command: &LaunchCommand, [stdout, stderr]: [Stdio; 2]) -> anyhow::Result<Running> {
        let mut guard = Command::new(program::executable()?)
            .args(["guard", "--grace", GRACE_SECONDS, "--run-dir"])
            .arg(self.scratch.path())
            .arg("--")
            .arg(&command.program)
            .args(&command.arguments)
            .env_clear()
            .envs(environment(command)?)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("failed to start {}", command.program.display()))?;
        let lifeline = guard.stdin.take();
        Ok(Running { guard, lifeline })
    }

    /// Starts a program, below a guard. What it prints goes to our standard error, or nowhere.
    pub(super) fn start(
        &self,
        words: &[&str],
        directory: &Path,
        variables: &[(&str, String)],
        is_heard: bool,
    ) -> anyhow::Result<Running> {
        let command = self.command(words, directory, variables)?;
        let output = || {
            if is_heard {
                Stdio::from(std::io::stderr())
            } else {
                Stdio::null()
            }
        };
        self.guarded(&command, [output(), output()])
    }

    /// Runs a program to its end.
    pub(super) fn run(
        &self,
        words: &[&str],
        directory: &Path,
        variables: &[(&str, String)],
        is_heard: bool,
    ) -> anyhow::Result<ExitStatus> {
        // Not `wait` of the process: it closes the lifeline.
        self.start(words, directory, variables, is_heard)?.ended()
    }

    /// Where the programs come from, in words.
    pub(super) fn place(&self) -> String {
        match &self.container {
            Some(container) => container.image.display().to_string(),
            None => "PATH".to_owned(),
        }
    }
}

impl Running {
    /// Waits for its end.
    fn ended(mut self) -> anyhow::Result<ExitStatus> {
        let lifeline = self.lifeline.take();
        let status = self.guard.wait()?;
        drop(lifeline);
        Ok(status)
    }

    /// How it ended, if it has.
    pub(super) fn has_ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.guard.try_wait()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The guard ends everything below it, then itself.
        self.lifeline = None;
        let _ = self.guard.wait();
    }
}
