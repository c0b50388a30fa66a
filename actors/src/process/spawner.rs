//! Starting child processes, all from one thread that lives as long as the process.
//!
//! `PR_SET_PDEATHSIG` fires when the spawning *thread* ends, which the threads of a runtime do at their leisure.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpgid, getpgrp};
use tokio::sync::oneshot;

use super::leftovers::{RUN_VARIABLE, run_mark};
use super::{Child, tree};

/// What to start.
#[derive(Debug)]
pub struct ChildSpec {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables to set; a value is never shown.
    pub env: Vec<(String, String)>,
    /// Whether the rest of our own environment is passed on.
    pub inherit_env: bool,
    /// The first line of its standard input, which then stays open as its lifeline.
    pub greeting: Vec<u8>,
    /// Where its standard output goes; none: nowhere.
    pub stdout: Option<File>,
    /// Where its standard error goes; none: to our own.
    pub stderr: Option<File>,
}

/// How a process is guarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarding {
    /// Seconds from the request to end until the end is forced.
    pub grace_seconds: u32,
    /// The processors that the whole tree is bound to; empty: those of this process.
    pub cpus: Vec<usize>,
}

/// A process that could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {program}")]
pub struct SpawnError {
    program: String,
    #[source]
    cause: std::io::Error,
}

type Request = (ChildSpec, oneshot::Sender<Result<Child, SpawnError>>);

/// A handle of the spawning thread.
#[derive(Debug, Clone)]
pub struct Spawner {
    requests: mpsc::Sender<Request>,
    hpcbench: PathBuf,
    run_dir: PathBuf,
    /// Held while a child is started, so that it is never taken for a stray.
    own: Arc<Mutex<BTreeSet<u32>>>,
}

impl Spawner {
    /// Starts the thread.
    ///
    /// `hpcbench` is our own executable; `run_dir`, as the user gave it, is for arguments. Made absolute, it marks the
    /// environment of every child.
    pub fn start(hpcbench: PathBuf, run_dir: PathBuf) -> std::io::Result<Self> {
        let (requests, inbox) = mpsc::channel::<Request>();
        let own = Arc::new(Mutex::new(BTreeSet::new()));
        let started = Arc::clone(&own);
        let mark = run_mark(&run_dir);
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                // It ends when the last handle is dropped, which the process keeps until its own end.
                for (spec, reply) in inbox {
                    let mut own = started.lock().unwrap_or_else(PoisonError::into_inner);
                    let child = spawn(spec, &mark);
                    own.extend(child.as_ref().ok().map(Child::pid));
                    drop(own);
                    let _ = reply.send(child);
                }
            })?;
        Ok(Self {
            requests,
            hpcbench,
            run_dir,
            own,
        })
    }

    /// Our own executable.
    pub fn hpcbench(&self) -> &Path {
        &self.hpcbench
    }

    /// The run directory, as given.
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// Kills what this process has adopted, as a subreaper, from children of its own that are gone.
    ///
    /// A program that this process runs without a spawner and waits for itself is in its own process group. What is adopted is
    /// not: it comes from a child that a spawner has given a group.
    pub fn sweep(&self) {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let own_group = getpgrp();
        for pid in tree::children_of(std::process::id())
            .into_iter()
            .filter(|pid| !own.contains(pid))
        {
            let stray = Pid::from_raw(pid as i32);
            if getpgid(Some(stray)).is_ok_and(|group| group == own_group) {
                continue;
            }
            tree::kill_descendants(pid, &[]);
            let pid = stray;
            let _ = kill(pid, Signal::SIGKILL);
            // In a thread: a process in an uninterruptible wait takes its time to die.
            std::thread::spawn(move || waitpid(pid, None));
        }
    }

    /// Starts a process.
    pub async fn spawn(&self, spec: ChildSpec) -> Result<Child, SpawnError> {
        let program = spec.program.display().to_string();
        let gone = || SpawnError {
            program,
            cause: std::io::Error::other("the spawning thread is gone"),
        };
        let (reply, answer) = oneshot::channel();
        if self.requests.send((spec, reply)).is_err() {
            return Err(gone());
        }
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Starts a process below a guard, which ends the whole tree in time after it was told to, or when this process is gone.
    pub async fn spawn_guarded(&self, mut spec: ChildSpec, guarding: Guarding) -> Result<Child, SpawnError> {
        let mut args: Vec<OsString> = vec!["guard".into(), "--run-dir".into(), self.run_dir.clone().into()];
        args.extend(["--grace".into(), guarding.grace_seconds.to_string().into()]);
        if !guarding.cpus.is_empty() {
            let cpus: Vec<String> = guarding.cpus.iter().map(usize::to_string).collect();
            args.extend(["--cpus".into(), cpus.join(",").into()]);
        }
        args.push("--".into());
        args.push(std::mem::replace(&mut spec.program, self.hpcbench.clone()).into());
        args.append(&mut spec.args);
        spec.args = args;
        self.spawn(spec).await
    }
}

fn spawn(spec: ChildSpec, mark: &OsStr) -> Result<Child, SpawnError> {
    let program = spec.program.display().to_string();
    try_spawn(spec, mark).map_err(|cause| SpawnError { program, cause })
}

fn try_spawn(spec: ChildSpec, mark: &OsStr) -> std::io::Result<Child> {
    let mut command = Command::new(&spec.program);
    command.args(&spec.args);
    if !spec.inherit_env {
        command.env_clear();
    }
    command.envs(spec.env).env(RUN_VARIABLE, mark);
    // A group of its own: Ctrl-C at the terminal is for `hpcbench run` alone, which ends the others in order.
    command.process_group(0).stdin(Stdio::piped());
    command.stdout(spec.stdout.map_or_else(Stdio::null, Stdio::from));
    if let Some(stderr) = spec.stderr {
        command.stderr(stderr);
    }
    let mut child = command.spawn()?;
    let lifeline = match child.stdin.take() {
        Some(mut stdin) => {
            // A child that is gone already is reported by its exit.
            let _ = stdin.write_all(&spec.greeting);
            Some(OwnedFd::from(stdin))
        }
        None => None,
    };
    Child::adopt(child, lifeline)
}
