//! Leaving a run to a job.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use hpcbench_actors::orchestrator::{RecordSetup, record};
use hpcbench_actors::shell::{now, private_dir};
use hpcbench_core::event::JobRequested;
use hpcbench_core::{Command, Epoch, Submission as Wanted, Submitted};
use hpcbench_nats::SERVER_VARIABLE;
use hpcbench_recipes::Plan;
use hpcbench_slurm::queue::Sighting;
use hpcbench_slurm::{
    JobCommand, JobId, Layout, Refusal, Slurm, Submission, SubmitError, UnixTime, job_script,
};

use crate::cluster::Target;
use crate::commands::standing;
use crate::exit::{Failure, in_words};
use crate::program;

/// Where the job's files are below the run directory, and its script there.
const JOB_DIR: &str = "job";
const SCRIPT: &str = "job.sh";
/// Slurm's own variable for where its configuration is, on clusters that do not keep it in the usual place.
const SLURM_CONF: &str = "SLURM_CONF";

/// A run that is to be left to a job.
pub(in crate::commands) struct Handover {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// The run's directory.
    pub run_dir: PathBuf,
    /// New, or one that goes on.
    pub run: Submitted,
    /// The epoch that says so.
    pub epoch: Epoch,
    /// The orchestrators of this epoch and of all before are proven dead; 0 if nothing is proven.
    pub dead_through: Epoch,
    /// The job starts once this one has ended.
    pub after: Option<JobId>,
}

/// Why there is no job.
#[derive(Debug, thiserror::Error)]
pub(in crate::commands) enum HandoverError {
    /// Slurm said no.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// It is not known whether there is one: it may go on with the run.
    #[error(transparent)]
    NoWord(anyhow::Error),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// The job's script and the arguments of sbatch for it.
pub(in crate::commands) struct Script {
    /// The script.
    pub text: String,
    command: JobCommand,
}

impl Script {
    /// For the run in this directory, which need not be there yet. The key is the job's comment.
    pub(in crate::commands) fn new(
        target: &Target,
        run_dir: &Path,
        key: &str,
        after: Option<JobId>,
    ) -> anyhow::Result<Self> {
        let run_dir = std::path::absolute(run_dir)?;
        let mut command = JobCommand::new(&program::executable()?, &run_dir, key)?;
        let server = hpcbench_nats::find_server().map_err(|error| Failure::Environment(error.to_string()))?;
        let server = std::path::absolute(server)?;
        let server = server.to_str().context("the path of nats-server is not UTF-8")?;
        command = command.with_variable(SERVER_VARIABLE, server)?;
        if let Some(path) = std::env::var_os(SLURM_CONF).and_then(|path| path.into_string().ok()) {
            command = command.with_variable(SLURM_CONF, &path)?;
        }
        for (name, value) in target.site.fabric_variables() {
            command = command.with_variable(name, value)?;
        }
        if let Some(job) = after {
            command = command.after(job);
        }
        let text = job_script(&target.layout, &command)?;
        Ok(Self { text, command })
    }

    /// The job's command, for estimates.
    pub(in crate::commands) fn command(&self) -> &JobCommand {
        &self.command
    }
}

impl Handover {
    /// Writes an epoch that says what is wanted, and submits the job then. What was submitted is in `job/submission.json`, unless
    /// that cannot be written: the log has the key by which the job is found.
    ///
    /// # Errors
    /// The log cannot be written, or Slurm refuses or does not answer. Unless that is [`HandoverError::NoWord`], there is no job.
    pub(in crate::commands) fn submit(self, target: &Target) -> Result<JobId, HandoverError> {
        let run = self.run_id()?;
        // Found by it, if sbatch does not say which job it has made.
        let key = format!("hpcbench:{run}:{}", self.epoch);
        let script = Script::new(target, &self.run_dir, &key, self.after)?;
        let path = self.write(&script.text)?;
        let arguments = Slurm::submission(&target.layout, &script.command, &path);
        let argv: Vec<String> = arguments
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let digest = Submission::digest(&script.text);
        let sbatch = std::iter::once("sbatch".to_owned());
        let wanted = Wanted {
            run: self.run,
            job: JobRequested {
                key: key.clone(),
                command: sbatch.chain(argv.iter().cloned()).collect(),
                script: digest.clone(),
            },
        };
        let setup = RecordSetup {
            plan: self.plan,
            run_dir: self.run_dir.clone(),
            program: program::program(),
            dead_through: self.dead_through,
        };
        record(setup, &Command::Submit(wanted)).map_err(anyhow::Error::from)?;
        let job = submitted(&target.layout, &arguments, &key)?;
        let submission = Submission {
            job,
            submitted_at: UnixTime::from_seconds(now().as_micros() / 1_000_000),
            argv,
            script_sha256: digest,
            key,
        };
        // The job is there, and goes on with the run: it must not lose its directory now.
        if let Err(error) = submission.write(&self.run_dir) {
            let error = anyhow::Error::from(error);
            tracing::warn!(%job, "{}: the job is looked for by its comment", in_words(&error));
        }
        standing::forget_queue(&self.run_dir);
        Ok(job)
    }

    fn run_id(&self) -> anyhow::Result<String> {
        Ok(match &self.run {
            Submitted::New(created) => created.run.to_string(),
            Submitted::Resumed(_) => {
                let view = hpcbench_report::RunView::load(&self.run_dir)?;
                view.state.run.context("the run has no id")?.to_string()
            }
        })
    }

    fn write(&self, script: &str) -> anyhow::Result<PathBuf> {
        let directory = std::path::absolute(self.run_dir.join(JOB_DIR))?;
        let path = directory.join(SCRIPT);
        let write = || -> std::io::Result<()> {
            private_dir(&directory)?;
            let mut options = program::private_options();
            let mut file = options.write(true).create(true).truncate(true).open(&path)?;
            file.write_all(script.as_bytes())?;
            file.sync_all()
        };
        write().with_context(|| Failure::Environment(format!("failed to write {}", path.display())))?;
        Ok(path)
    }
}

/// The job's id, even if only the queue tells it.
fn submitted(layout: &Layout, arguments: &[std::ffi::OsString], key: &str) -> Result<JobId, HandoverError> {
    let slurm = Slurm::on_path();
    let error = match slurm.submit(layout, arguments) {
        Ok(job) => return Ok(job),
        Err(SubmitError::Refused(refusal)) => return Err(HandoverError::Refused(refusal)),
        Err(SubmitError::NoSbatch(error)) => {
            return Err(anyhow::Error::from(Failure::Environment(error.to_string())).into());
        }
        Err(error) => error,
    };
    if let Sighting::Listed(jobs) = slurm.queue().find_by_key(key)
        && let Some(first) = jobs.first()
    {
        return Ok(first.job.whole());
    }
    let advice = format!("look with `squeue --me -O jobid,comment:128` for a job with the comment {key}");
    let words = format!("no word from sbatch, whose job would go on with the run by itself; {advice}");
    let error = anyhow::Error::from(error).context(Failure::Environment(words));
    Err(HandoverError::NoWord(error))
}

/// Removes the directory of a run that was created for a job that Slurm refused.
pub(super) fn forget(run_dir: &Path) {
    if let Err(error) = fs::remove_dir_all(run_dir) {
        tracing::warn!(%error, "failed to remove {}", run_dir.display());
    }
}
