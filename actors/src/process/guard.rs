//! The guard: a small process between hpcbench and a program that knows nothing of it.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getppid, read};

use super::{Exit, tree};

/// How often the tree is swept once its time is up.
const SWEEP: Duration = Duration::from_millis(20);

/// What a guard guards.
#[derive(Debug, Clone)]
pub struct GuardOptions {
    /// Our own executable.
    pub hpcbench: OsString,
    /// Arguments that make it call [`exec_child`] with what follows them.
    pub exec_args: Vec<OsString>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// From the request to end until the end is forced.
    pub grace: Duration,
    /// The processors that the program and all below it are bound to; empty: those of this process.
    pub cpus: Vec<usize>,
}

/// Runs a program until it ends, the lifeline at standard input is closed, or SIGTERM comes; ends everything below it
/// and tells how the program ended.
pub fn run_guard(options: &GuardOptions) -> std::io::Result<Exit> {
    bind(&options.cpus)?;
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        mask.add(signal);
    }
    mask.thread_block()?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    // Whatever the program leaves behind becomes our child.
    prctl::set_child_subreaper(true)?;
    let child = Command::new(&options.hpcbench)
        .args(&options.exec_args)
        .args(&options.command)
        .process_group(0)
        .stdin(Stdio::null())
        .spawn()?;
    let mut watch = Watch {
        main: Pid::from_raw(child.id() as i32),
        ended: None,
        deadline: None,
    };
    let stdin = std::io::stdin();
    loop {
        if !watch.reap() {
            return Ok(watch.ended.unwrap_or(Exit::Code(-1)));
        }
        watch.sweep();
        if wait(signals.as_fd(), stdin.as_fd(), &watch)? {
            watch.ask(options.grace);
        }
        while let Ok(Some(signal)) = signals.read_signal() {
            if signal.ssi_signo != Signal::SIGCHLD as u32 {
                watch.ask(options.grace);
            }
        }
    }
}

/// Binds this process, and so whatever it starts.
fn bind(cpus: &[usize]) -> std::io::Result<()> {
    if cpus.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

struct Watch {
    main: Pid,
    ended: Option<Exit>,
    deadline: Option<Instant>,
}

impl Watch {
    /// Takes note of ended children; whether any is left.
    fn reap(&mut self) -> bool {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => return true,
                Ok(status) => {
                    if status.pid() == Some(self.main) {
                        self.ended = Some(status.into());
                        // What it leaves behind has no one left to serve.
                        self.deadline = Some(Instant::now());
                    }
                }
                Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Asks the program to end; from the deadline on it is forced to.
    fn ask(&mut self, grace: Duration) {
        if self.deadline.is_none() {
            self.deadline = Some(Instant::now() + grace);
            // The program leads its own group, named by its pid.
            let _ = kill(Pid::from_raw(-self.main.as_raw()), Signal::SIGTERM);
        }
    }

    fn sweep(&self) {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            tree::kill_descendants(std::process::id(), &[]);
        }
    }

    fn timeout(&self) -> PollTimeout {
        let Some(deadline) = self.deadline else {
            return PollTimeout::NONE;
        };
        let left = deadline.saturating_duration_since(Instant::now()).max(SWEEP);
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    }
}

/// Waits for a signal, the lifeline or the deadline; whether the lifeline is closed.
fn wait(signals: BorrowedFd<'_>, lifeline: BorrowedFd<'_>, watch: &Watch) -> std::io::Result<bool> {
    let mut fds = vec![PollFd::new(signals, PollFlags::POLLIN)];
    // Once the end is under way a closed pipe, which is always readable, would only keep us busy.
    if watch.deadline.is_none() {
        fds.push(PollFd::new(lifeline, PollFlags::POLLIN));
    }
    match poll(&mut fds, watch.timeout()) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let ready = fds
        .get(1)
        .and_then(PollFd::revents)
        .is_some_and(|events| !events.is_empty());
    Ok(ready && matches!(read(lifeline, &mut [0; 64]), Ok(0) | Err(_)))
}

/// Becomes the program of `command`, which the kernel will kill when the guard dies. Returns only on failure.
pub fn exec_child(command: &[OsString]) -> std::io::Error {
    let Some((program, args)) = command.split_first() else {
        return std::io::Error::other("no program was named");
    };
    if let Err(error) = prepare_child() {
        return error;
    }
    Command::new(program).args(args).exec()
}

fn prepare_child() -> std::io::Result<()> {
    let guard = getppid();
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // Had the guard died before the line above, no signal would come.
    if getppid() != guard || guard == Pid::from_raw(1) {
        return Err(std::io::Error::other("the guard is gone"));
    }
    // The guard's mask would otherwise be the program's.
    SigSet::all().thread_unblock()?;
    Ok(())
}
