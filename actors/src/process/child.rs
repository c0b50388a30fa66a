//! A child process that can be signalled, let go and waited for from anywhere.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::sync::watch;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "signal {number} ({signal})"),
                Err(_) => write!(f, "signal {number}"),
            },
        }
    }
}

/// A child process. Dropping it closes its lifeline.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    lifeline: Option<OwnedFd>,
    // Held while a signal is sent and while the process is reaped, so that no signal meets a recycled pid.
    alive: Arc<Mutex<bool>>,
    exit: watch::Receiver<Option<Exit>>,
}

impl Child {
    /// Takes over a process that was just started.
    pub(super) fn adopt(child: std::process::Child, lifeline: Option<OwnedFd>) -> std::io::Result<Self> {
        let pid = child.id();
        let alive = Arc::new(Mutex::new(true));
        let (sender, exit) = watch::channel(None);
        let shared = Arc::clone(&alive);
        std::thread::Builder::new()
            .name(format!("wait-{pid}"))
            .spawn(move || sender.send_replace(Some(wait(child, &shared))))?;
        Ok(Self {
            pid,
            lifeline,
            alive,
            exit,
        })
    }

    /// Its process id.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal, if it is still there.
    pub fn signal(&self, signal: Signal) {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if *alive {
            // The process has not been reaped, so that the pid is its own; it may be a zombie, which is fine.
            let _ = kill(Pid::from_raw(self.pid as i32), signal);
        }
    }

    /// Closes its lifeline: it ends itself and everything below it.
    pub fn release(&mut self) {
        self.lifeline = None;
    }

    /// How it ended, once it has.
    pub fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.exit.clone()
    }

    /// Waits until it has ended.
    pub async fn ended(&self) -> Exit {
        let mut exit = self.exit.clone();
        // The sender lives until it has sent.
        exit.wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|exit| *exit)
            .unwrap_or(Exit::Code(-1))
    }
}

/// Waits without reaping first, so that a signal sent meanwhile still meets this process.
fn wait(mut child: std::process::Child, alive: &Mutex<bool>) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    let pid = Pid::from_raw(child.id() as i32);
    let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while let Err(nix::errno::Errno::EINTR) = waitid(Id::Pid(pid), ended) {}
    let mut alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
    *alive = false;
    match child.wait() {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        },
        Err(_) => Exit::Code(-1),
    }
}

impl From<WaitStatus> for Exit {
    fn from(status: WaitStatus) -> Self {
        match status {
            WaitStatus::Exited(_, code) => Self::Code(code),
            WaitStatus::Signaled(_, signal, _) => Self::Signal(signal as i32),
            _ => Self::Code(-1),
        }
    }
}
