//! A real Slurm cluster on this machine.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::{Gid, Pid, Uid, chown};

use crate::harness::{outcome, script};
use crate::paths::{binary, target};
use crate::{Hpcbench, Workdir, wait_until, workspace};

/// How many bytes of a log an error shows.
const LOG_TAIL: usize = 3000;

/// Which kind of site a cluster imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Five equal nodes of four processors and two GPUs, one partition `main`, short time-outs; everything runs as root.
    Plain,
    /// Partitions `cpu` (three nodes of different size) and `gpu` (two nodes of four GPUs), `requeued` and `suspended`, whose
    /// jobs give way to those of the first two (by partition, since a QOS would take a database of accounts); memory is shared out, jobs are not requeued unless they ask for it, time-outs
    /// are Slurm's defaults, accounts are `p200001` and `p200002`. Everything runs as an ordinary user.
    Site,
}

/// A cluster of `node1` to `node5` and `ctl`, the login node and controller, all with a local `/tmp`. It is this test's alone;
/// those of tests that run at the same time are in other places. Dropping it ends it with all that runs there, and so does the
/// end of this process.
#[derive(Debug)]
pub struct Cluster {
    place: Place,
    /// The cluster ends when this is closed.
    _leash: ChildStdin,
}

/// A folder that no other cluster of this process is in.
#[derive(Debug)]
struct Place {
    number: usize,
    folder: PathBuf,
}

/// Whether the place with that number is taken.
static TAKEN: Mutex<Vec<bool>> = Mutex::new(Vec::new());

impl Place {
    fn take() -> Self {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = taken.iter().position(|taken| !taken).unwrap_or(taken.len());
        if number == taken.len() {
            taken.push(false);
        }
        taken[number] = true;
        Self {
            number,
            folder: target().join(format!("testbed/cluster-{number}")),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner)[self.number] = false;
    }
}

/// A job as `squeue` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// `12`, or `12+1` for a component of a heterogeneous job.
    pub id: String,
    /// Such as `RUNNING`.
    pub state: String,
    /// Why it is in that state.
    pub reason: String,
    /// The nodes it has, as Slurm abbreviates lists: `node[1-3]`.
    pub nodes: String,
}

impl Cluster {
    /// Starts one. None, and a note that the test was skipped, where that cannot be done.
    ///
    /// # Errors
    ///
    /// It does not come up.
    pub fn up(test: &str, profile: Profile) -> Result<Option<Self>> {
        Self::start(test, profile, &[])
    }

    /// Starts one whose nodes have only two of this machine's processors, whatever they claim: as where a job's processes are
    /// confined to fewer.
    ///
    /// # Errors
    ///
    /// It does not come up.
    pub fn confined(test: &str, profile: Profile) -> Result<Option<Self>> {
        let usable = sched_getaffinity(Pid::from_raw(0))?;
        let usable = (0..CpuSet::count()).filter(|cpu| usable.is_set(*cpu) == Ok(true));
        let two: Vec<String> = usable.take(2).map(|cpu| cpu.to_string()).collect();
        Self::start(test, profile, &["--processors", &two.join(",")])
    }

    fn start(test: &str, profile: Profile, options: &[&str]) -> Result<Option<Self>> {
        let place = Place::take();
        let mut command = script("slurm-cluster.sh");
        command
            .arg("up")
            .arg(&place.folder)
            .args(options)
            .args(["--leash", "--profile"]);
        command.arg(match profile {
            Profile::Plain => "plain",
            Profile::Site => "site",
        });
        let program = binary()?;
        for path in [Some(target().as_path()), program.parent()].into_iter().flatten() {
            command.arg("--share").arg(path);
        }
        let mut started = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start slurm-cluster.sh")?;
        let leash = started.stdin.take().context("no standard input to hold")?;
        let output = started.wait_with_output()?;
        let up = outcome(test, "slurm-cluster.sh", &output)?;
        Ok(up.map(|_| Self { place, _leash: leash }))
    }

    /// Where everything of it is.
    pub fn folder(&self) -> &Path {
        &self.place.folder
    }

    /// A world for a test on the file system that all nodes share, writable for the user of the jobs.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn workdir(&self) -> Result<Workdir> {
        let shared = self.place.folder.join("shared");
        let workdir = Workdir::below(&shared)?;
        let owner = fs::metadata(&shared)?;
        let (uid, gid) = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
        chown(workdir.path(), Some(uid), Some(gid))?;
        for entry in fs::read_dir(workdir.path())? {
            chown(&entry?.path(), Some(uid), Some(gid))?;
        }
        Ok(workdir)
    }

    /// The home of the user of the jobs, the same on all nodes.
    pub fn home(&self) -> PathBuf {
        self.place.folder.join("shared/home")
    }

    /// The folder that is `/tmp` on this node, seen from outside.
    pub fn local_tmp(&self, node: &str) -> PathBuf {
        self.place.folder.join("local").join(node).join("tmp")
    }

    /// The program under test, to be started on the login node as the user of the jobs, in a world of [`Self::workdir`].
    ///
    /// # Errors
    ///
    /// It has not been built.
    pub fn hpcbench(&self, workdir: &Workdir) -> Result<Hpcbench> {
        Ok(self.on_login(workdir).arg(binary()?))
    }

    /// The same for any program, which is the first argument to add.
    pub fn on_login(&self, workdir: &Workdir) -> Hpcbench {
        self.on(workdir, "ctl")
    }

    /// The same on any node.
    pub fn on(&self, workdir: &Workdir, node: &str) -> Hpcbench {
        Hpcbench::at(
            &workspace().join("tests/harness/slurm-cluster.sh"),
            workdir.path(),
        )
        .env("TMPDIR", "/tmp")
        .env("HOME", self.home())
        .arg("on")
        .arg(&self.place.folder)
        .arg(node)
    }

    /// Submits a batch job from the login node and returns its id.
    ///
    /// # Errors
    ///
    /// Slurm refuses it; the error has its words.
    pub fn sbatch(&self, workdir: &Workdir, arguments: &[&str]) -> Result<String> {
        let submitted = self.on_login(workdir).args(["sbatch", "--parsable"]);
        let submitted = submitted.args(arguments).run()?.expect_code(0)?;
        Ok(submitted.stdout.trim().to_owned())
    }

    /// Every job that the controller knows, those that ended lately among them.
    ///
    /// # Errors
    ///
    /// The controller does not answer.
    pub fn squeue(&self) -> Result<Vec<Job>> {
        let text = self.as_root(&["squeue", "-h", "-t", "all", "-o", "%i|%T|%r|%N"])?;
        text.lines().map(Job::parse).collect()
    }

    /// Waits until a job is in one of these states, and returns it.
    ///
    /// # Errors
    ///
    /// It is not, within the limit; the error has the queue and the controller's last words.
    pub fn wait_job(&self, id: &str, states: &[&str], limit: Duration) -> Result<Job> {
        let what = format!("job {id} to be {}", states.join(" or "));
        let found = wait_until(limit, &what, || {
            // A controller that is being restarted answers later.
            let jobs = self.squeue().unwrap_or_default();
            let wanted = |job: &Job| job.id == id && states.contains(&job.state.as_str());
            Ok(jobs.into_iter().find(wanted))
        });
        found.with_context(|| self.diagnosis())
    }

    /// Waits until no job waits or runs.
    ///
    /// # Errors
    ///
    /// One does, after the limit.
    pub fn wait_idle(&self, limit: Duration) -> Result<()> {
        let idle = wait_until(limit, "the end of all jobs", || {
            let jobs = self.squeue()?;
            let over = |job: &Job| !matches!(job.state.as_str(), "PENDING" | "RUNNING" | "COMPLETING");
            Ok(jobs.iter().all(over).then_some(()))
        });
        idle.with_context(|| self.diagnosis())
    }

    /// Cancels a job.
    ///
    /// # Errors
    ///
    /// Slurm knows no such job.
    pub fn scancel(&self, id: &str) -> Result<()> {
        self.as_root(&["scancel", id]).map(drop)
    }

    /// Lets go a job that Slurm holds back, and all nodes that it has drained.
    ///
    /// # Errors
    ///
    /// Slurm knows no such job.
    pub fn release(&self, id: &str) -> Result<()> {
        for node in ["node1", "node2", "node3", "node4", "node5"] {
            let node = format!("nodename={node}");
            // It is refused for a node that is not drained.
            let _ = self.as_root(&["scontrol", "update", &node, "state=resume"]);
        }
        self.as_root(&["scontrol", "release", id]).map(drop)
    }

    /// Takes a node's power away: its processes are gone, and nothing says goodbye on the network.
    ///
    /// # Errors
    ///
    /// There is no such node.
    pub fn power_off(&self, node: &str) -> Result<()> {
        self.control(&["node-kill", node])
    }

    /// Gives it back: the node boots, with the local disk that it had.
    ///
    /// # Errors
    ///
    /// There is no such node.
    pub fn power_on(&self, node: &str) -> Result<()> {
        self.control(&["node-start", node])
    }

    /// Pulls a node's network cable: its processes live on.
    ///
    /// # Errors
    ///
    /// There is no such node.
    pub fn cut(&self, node: &str) -> Result<()> {
        self.control(&["cut", node])
    }

    /// Puts the cable back in.
    ///
    /// # Errors
    ///
    /// There is no such node.
    pub fn join(&self, node: &str) -> Result<()> {
        self.control(&["join", node])
    }

    /// Kills slurmctld, and it alone, with SIGKILL.
    ///
    /// # Errors
    ///
    /// It does not run.
    pub fn kill_controller(&self) -> Result<()> {
        self.control(&["ctld-kill"])
    }

    /// Starts it again. It answers soon.
    ///
    /// # Errors
    ///
    /// The cluster is not up.
    pub fn start_controller(&self) -> Result<()> {
        self.control(&["ctld-start"])
    }

    /// Waits until the controller has written this text, which is part of a job, to its state, and returns a copy of that.
    ///
    /// # Errors
    ///
    /// It has not, within the limit; or the copy cannot be made.
    pub fn state_with(&self, text: &str, limit: Duration) -> Result<PathBuf> {
        let copy = self.place.folder.join("state-before");
        let jobs = copy.join("job_state");
        wait_until(limit, &format!("{text} in the controller's state"), || {
            copy_all(&self.state(), &copy)?;
            let bytes = fs::read(&jobs).unwrap_or_default();
            let is_there = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            Ok(is_there.then_some(()))
        })?;
        Ok(copy)
    }

    /// Gives the controller, which does not run, the state of such a copy.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn put_back(&self, copy: &Path) -> Result<()> {
        copy_all(copy, &self.state())
    }

    fn state(&self) -> PathBuf {
        self.place.folder.join("state")
    }

    /// How Slurm sees a node: `idle`, `mixed`, `down*`.
    ///
    /// # Errors
    ///
    /// The controller does not answer.
    pub fn node_state(&self, node: &str) -> Result<String> {
        let text = self.as_root(&["sinfo", "-h", "-N", "-n", node, "-o", "%T"])?;
        let first = text.lines().next();
        first
            .map(str::to_owned)
            .with_context(|| format!("no node {node}"))
    }

    /// Runs a command on the login node as root and returns what it printed.
    fn as_root(&self, command: &[&str]) -> Result<String> {
        let mut script = self.script("on");
        run(script.args(["ctl", "--root"]).args(command))
    }

    /// Does something to the cluster from outside.
    fn control(&self, verb: &[&str]) -> Result<()> {
        let (name, arguments) = verb.split_first().context("no verb")?;
        run(self.script(name).args(arguments)).map(drop)
    }

    fn script(&self, verb: impl AsRef<OsStr>) -> Command {
        let mut command = script("slurm-cluster.sh");
        command.arg(verb).arg(&self.place.folder);
        command
    }

    /// What somebody wants to see when a test fails.
    fn diagnosis(&self) -> String {
        let queue = self.as_root(&["squeue", "-t", "all"]);
        let queue = queue.unwrap_or_else(|error| format!("{error:#}"));
        let log = tail(&self.place.folder.join("log/slurmctld.log"));
        format!("the queue:\n{queue}\nthe controller's log:\n{log}")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.control(&["down"]) {
            eprintln!("the cluster in {} stays: {error:#}", self.place.folder.display());
        }
    }
}

impl Job {
    /// Reads a line of `squeue -o '%i|%T|%r|%N'`.
    fn parse(line: &str) -> Result<Self> {
        let fields: Vec<&str> = line.split('|').collect();
        let [id, state, reason, nodes] = fields[..] else {
            anyhow::bail!("squeue printed {line:?}");
        };
        Ok(Self {
            id: id.to_owned(),
            state: state.to_owned(),
            reason: reason.to_owned(),
            nodes: nodes.to_owned(),
        })
    }
}

fn run(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("cannot start slurm-cluster.sh")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {errors}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Makes a folder the same as another one.
fn copy_all(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    // The controller replaces its files as it likes.
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).output()?;
    ensure!(
        to.exists(),
        "cp failed: {}",
        String::from_utf8_lossy(&copied.stderr)
    );
    Ok(())
}

fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let start = bytes.len().saturating_sub(LOG_TAIL);
    String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_queue_is_a_job() {
        let job = Job::parse("12+1|PENDING|Nodes required for job are DOWN, DRAINED|").unwrap();
        assert_eq!((job.id.as_str(), job.state.as_str()), ("12+1", "PENDING"));
        assert_eq!(job.nodes, "");
        Job::parse("slurm_load_jobs error").unwrap_err();
    }
}
