//! The processes of an instance on this node, each below a guard.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{join_all, select_all};
use hpcbench_core::event::{Rendezvous, ServiceImage, ServiceLaunched};
use hpcbench_core::message::ReportBody;
use hpcbench_core::{InstanceId, LogCategory, Seq};
use hpcbench_services::{LaunchCommand, StopPolicy};
use nix::sys::signal::Signal;
use tokio::sync::Notify;

use super::environment::environment;
use super::keys::Tokens;
use crate::agent::AgentContext;
use crate::log_collector::LogSource;
use crate::process::{Child, ChildSpec, Exit, Guarding};
use crate::shell::{describe, private_file};

/// How long a guard may take beyond the time that it gives its program.
const MARGIN: Duration = Duration::from_secs(3);
/// How long a program that is to print something may take to end once asked to.
const TOOL_GRACE_SECONDS: u32 = 2;
/// Most that is read of what a program prints.
const MAX_PRINTED_BYTES: usize = 256 * 1024;

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It serves.
    Service,
    /// It is this node's part of the cluster that the service runs on.
    Cluster,
}

/// The processes of one start of an instance.
pub(super) struct Processes {
    context: Arc<AgentContext>,
    id: InstanceId,
    launch: u32,
    tokens: Tokens,
    /// In the order in which they were started.
    running: Mutex<Vec<Arc<Child>>>,
    started: Notify,
}

/// How processes are started.
pub(super) struct Launch<'a> {
    pub(super) part: Part,
    pub(super) cpus: &'a [usize],
    pub(super) policy: StopPolicy,
    /// Where other processes of the instance find this one.
    pub(super) rendezvous: Option<Rendezvous>,
    /// The image that the command is inside of.
    pub(super) image: Option<ServiceImage>,
    pub(super) cause: Seq,
}

impl Processes {
    pub(super) fn new(context: Arc<AgentContext>, id: InstanceId, launch: u32, tokens: Tokens) -> Self {
        Self {
            context,
            id,
            launch,
            tokens,
            running: Mutex::default(),
            started: Notify::new(),
        }
    }

    /// Where what a process prints is on this node.
    pub(super) fn log_path(&self, part: Part, stream: &str) -> PathBuf {
        let suffix = match part {
            Part::Service => "",
            Part::Cluster => "-cluster",
        };
        let name = format!("{}-{}{suffix}.{stream}", self.id, self.launch);
        self.context.scratch.path().join(name)
    }

    /// The environment of a command, with tokens where they are to be.
    fn variables(&self, command: &LaunchCommand) -> Result<Vec<(String, String)>, String> {
        let mut variables = environment(command).map_err(|error| describe(&error))?;
        let tokens = command.tokens.iter();
        variables.extend(tokens.map(|(name, token)| (name.clone(), self.tokens.text(*token).to_owned())));
        Ok(variables)
    }

    fn running(&self) -> Vec<Arc<Child>> {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether any was started.
    pub(super) fn are_any(&self) -> bool {
        !self.running().is_empty()
    }

    /// Starts a process, and reports that.
    pub(super) async fn start(&self, command: &LaunchCommand, launch: Launch<'_>) -> Result<(), String> {
        let log = |stream: &'static str| {
            let path = self.log_path(launch.part, stream);
            let file =
                private_file(&path).map_err(|error| format!("failed to create {}: {error}", path.display()));
            self.context.sources.add(LogSource {
                path,
                category: LogCategory::Application,
                component: self.id.to_string(),
                stream,
                correlation: format!("service/{}", self.id),
            });
            file
        };
        let spec = ChildSpec {
            program: command.program.clone(),
            args: command.arguments.clone(),
            env: self.variables(command)?,
            inherit_env: false,
            greeting: Vec::new(),
            stdout: Some(log("stdout")?),
            stderr: Some(log("stderr")?),
        };
        let grace = launch.policy.grace.as_secs();
        let guarding = Guarding {
            grace_seconds: u32::try_from(grace).unwrap_or(u32::MAX),
            cpus: launch.cpus.to_vec(),
        };
        let child = self.context.spawner.spawn_guarded(spec, guarding).await;
        let child = child.map_err(|error| describe(&error))?;
        let words =
            std::iter::once(command.program.as_os_str()).chain(command.arguments.iter().map(AsRef::as_ref));
        let launched = ServiceLaunched {
            instance: self.id.clone(),
            launch: self.launch,
            pid: Some(child.pid()),
            command: words
                .map(|word: &std::ffi::OsStr| word.to_string_lossy().into_owned())
                .collect(),
            image: launch.image,
            rendezvous: launch.rendezvous,
        };
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::new(child));
        self.started.notify_one();
        let body = ReportBody::ServiceLaunched(launched);
        self.context.outbox.report(Some(launch.cause), body);
        Ok(())
    }

    /// Waits until one of them has ended, and tells how. For ever, if nothing is started.
    pub(super) async fn any_ended(&self) -> String {
        loop {
            let running = self.running();
            let exits = running.iter().map(|child| child.ended().boxed());
            // Without it there would be nothing to select from.
            let exits = exits.chain([std::future::pending().boxed()]);
            tokio::select! {
                (exit, ..) = select_all(exits) => return exit.to_string(),
                () = self.started.notified() => {}
            }
        }
    }

    /// Ends all of them, and tells how the last one that was started ended; none: nothing was started. Their guards know how
    /// long to be patient.
    pub(super) async fn stop(&self, policy: StopPolicy) -> Option<String> {
        let running = self.running();
        let ends = running.iter().map(|child| end(child, policy.grace));
        let exits = join_all(ends).await;
        exits.last().map(Exit::to_string)
    }

    /// Runs a program to its end and returns what it has printed; an error says why it has not done what it should.
    pub(super) async fn print(&self, command: &LaunchCommand, patience: Duration) -> Result<String, String> {
        let program = command.program.display().to_string();
        let path = |stream: &str| {
            let name = format!("{}-{}-printed.{stream}", self.id, self.launch);
            self.context.scratch.path().join(name)
        };
        let file = |stream: &str| {
            // One after the other: what the former one has printed has been read.
            let _ = fs::remove_file(path(stream));
            private_file(&path(stream)).map_err(|error| format!("failed to run {program}: {error}"))
        };
        let spec = ChildSpec {
            program: command.program.clone(),
            args: command.arguments.clone(),
            env: self.variables(command)?,
            inherit_env: false,
            greeting: Vec::new(),
            stdout: Some(file("stdout")?),
            stderr: Some(file("stderr")?),
        };
        let guarding = Guarding {
            grace_seconds: TOOL_GRACE_SECONDS,
            cpus: Vec::new(),
        };
        let child = self.context.spawner.spawn_guarded(spec, guarding).await;
        let child = child.map_err(|error| describe(&error))?;
        let printed = |stream: &str| {
            let mut bytes = fs::read(path(stream)).unwrap_or_default();
            bytes.truncate(MAX_PRINTED_BYTES);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        match tokio::time::timeout(patience, child.ended()).await {
            Ok(Exit::Code(0)) => Ok(printed("stdout")),
            Ok(exit) => {
                let errors = printed("stderr");
                let last = errors.lines().last().unwrap_or_default().trim();
                Err(format!("{program} ended with {exit}: {last}"))
            }
            Err(_) => {
                end(&child, Duration::from_secs(TOOL_GRACE_SECONDS.into())).await;
                Err(format!(
                    "{program} did not end within {} s",
                    patience.as_secs_f64()
                ))
            }
        }
    }
}

async fn end(child: &Child, grace: Duration) -> Exit {
    child.signal(Signal::SIGTERM);
    if let Ok(exit) = tokio::time::timeout(grace + MARGIN, child.ended()).await {
        return exit;
    }
    child.signal(Signal::SIGKILL);
    child.ended().await
}
