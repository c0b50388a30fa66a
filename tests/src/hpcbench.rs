//! The program under test, started with limits and watched.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::paths::{binary, workspace};
use crate::processes::is_stopped;

/// How long a command may take unless a test says otherwise.
const LIMIT: Duration = Duration::from_mins(1);

/// How often a running command is looked at.
const POLL: Duration = Duration::from_millis(5);

/// Numbers the output files of this process's commands.
static COMMANDS: AtomicU32 = AtomicU32::new(0);

/// A command line of the program, with an environment that knows nothing of the user's.
#[derive(Debug)]
pub struct Hpcbench {
    command: Command,
    folder: PathBuf,
    limit: Duration,
}

impl Hpcbench {
    /// The program with its home, its runs, its scratch and its output below the folder, which is also where it starts. It finds
    /// nats-server on `PATH`, or where the project keeps one.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        Ok(Self::at(&binary()?, folder))
    }

    /// Like [`Self::new`], with the program at this path.
    pub(crate) fn at(program: &Path, folder: &Path) -> Self {
        let mut command = Command::new(program);
        let tools = workspace().join(".tools/bin");
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", tools.display()))
            .env("HOME", folder.join("home"))
            .env("HPCBENCH_RUNS", folder.join("runs"))
            .env("TMPDIR", folder.join("scratch"))
            .env("RUST_BACKTRACE", "1")
            .current_dir(folder);
        Self {
            command,
            folder: folder.to_owned(),
            limit: LIMIT,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, arguments: I) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets how long it may take; then it is killed and the test fails.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts it in a process group of its own, as a shell does.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn start(mut self) -> Result<Running> {
        // Files, not pipes: nobody has to read them, and a process that outlives its parent holds up nobody.
        let number = COMMANDS.fetch_add(1, Ordering::Relaxed);
        let output = |name: &str| self.folder.join(format!("{name}-{number}.txt"));
        let (stdout, stderr) = (output("stdout"), output("stderr"));
        self.command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout)?)
            .stderr(File::create(&stderr)?)
            .process_group(0);
        let description = describe(&self.command);
        let child = self
            .command
            .spawn()
            .with_context(|| format!("cannot start {description}"))?;
        Ok(Running {
            child,
            description,
            stdout,
            stderr,
            started: Instant::now(),
            limit: self.limit,
        })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    ///
    /// It cannot be started, or does not end within its limit.
    pub fn run(self) -> Result<Finished> {
        self.start()?.wait()
    }
}

fn describe(command: &Command) -> String {
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned());
    ["hpcbench".to_owned()]
        .into_iter()
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A started command. Dropping it kills it, but not its children.
#[derive(Debug)]
pub struct Running {
    child: Child,
    description: String,
    stdout: PathBuf,
    stderr: PathBuf,
    started: Instant,
    limit: Duration,
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Sends it a signal, and it alone.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.pid()), signal)
            .with_context(|| format!("cannot send {signal} to {}", self.description))
    }

    /// Does what Ctrl-C on a terminal does: interrupts its whole process group.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn interrupt(&self) -> Result<()> {
        killpg(Pid::from_raw(self.pid()), Signal::SIGINT)
            .with_context(|| format!("cannot interrupt {}", self.description))
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// Whether it has ended.
    ///
    /// # Errors
    ///
    /// It cannot be waited for.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Whether it is stopped, as by SIGSTOP.
    pub fn is_stopped(&self) -> bool {
        is_stopped(self.pid())
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// It does not end within its limit; it is killed then, and the error holds what it wrote.
    pub fn wait(mut self) -> Result<Finished> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(self.finished(status));
            }
            if self.started.elapsed() > self.limit {
                self.child.kill()?;
                let status = self.child.wait()?;
                let finished = self.finished(status);
                bail!("{finished}\nit was killed after its limit of {:?}", self.limit);
            }
            thread::sleep(POLL);
        }
    }

    fn finished(&self, status: ExitStatus) -> Finished {
        Finished {
            command: self.description.clone(),
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout(),
            stderr: self.stderr(),
            elapsed: self.started.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// How a command ended. Displays as the command line, its end and all that it wrote.
#[derive(Debug)]
pub struct Finished {
    /// The command line.
    pub command: String,
    /// Its exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// From its start to its end.
    pub elapsed: Duration,
}

impl Finished {
    /// Returns it if it exited with this code.
    ///
    /// # Errors
    ///
    /// It did not; the error holds what it wrote.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        ensure!(self.code == Some(code), "expected exit code {code}\n{self}");
        Ok(self)
    }

    /// Its standard output as one JSON document.
    ///
    /// # Errors
    ///
    /// It is none; the error holds what it wrote.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("standard output is not JSON\n{self}"))
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "$ {}\n{}{}", self.command, self.stdout, self.stderr)?;
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code} after {:?}", self.elapsed),
            (_, Some(signal)) => write!(f, "ended by signal {signal} after {:?}", self.elapsed),
            _ => write!(f, "ended after {:?}", self.elapsed),
        }
    }
}
