//! Commands that are carried out by a small job on one node.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use hpcbench_actors::shell::{hostname, private_dir};
use hpcbench_nats::SERVER_VARIABLE;
use hpcbench_slurm::queue::{JobState, MAX_AGE_SECONDS, Queue, QueuedJob, Sighting};
use hpcbench_slurm::{ENDED, JobCommand, JobId, Layout, Site, Slurm, SubmitError, TimeLimit, job_script};

use crate::exit::Failure;
use crate::{program, terminal};

/// The script, in the job's directory.
const SCRIPT: &str = "job.sh";
/// Variables of this process that a job gets, too: where Slurm's configuration is, and where Apptainer keeps what it fetches.
const PASSED_ON: [&str; 3] = ["SLURM_CONF", "APPTAINER_TMPDIR", "APPTAINER_CACHEDIR"];
/// The pause before the first question to Slurm, and that between two.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(MAX_AGE_SECONDS.unsigned_abs());
/// How often files are looked at meanwhile, which costs nobody anything.
const LOOK: Duration = Duration::from_millis(250);
/// Longest that the file is with a job's exit code.
const MAX_ENDED_BYTES: u64 = 16;
/// Most bytes of a job's output that are shown.
const MAX_OUTPUT: usize = 64 << 10;

/// Whether a command is carried out by a job, and by which.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ErrandOptions {
    /// Do it in a small Slurm job on one node, and wait for that
    #[arg(long)]
    pub(crate) submit: bool,
    /// The job's partition [default: the recipe's, for its orchestrator]
    #[arg(long, value_name = "NAME", requires = "submit")]
    pub(crate) partition: Option<String>,
    /// The job's project account [default: the recipe's]
    #[arg(long, value_name = "NAME", requires = "submit")]
    pub(crate) account: Option<String>,
    /// How long the job may take
    #[arg(long, value_name = "TIME", default_value = "02:00:00", requires = "submit")]
    pub(crate) time_limit: TimeLimit,
}

/// Where the files of small jobs are, below the directory for runs.
const DIRECTORY: &str = "jobs";

/// A directory for the files of small jobs, below the one for runs, of a name that no other process of any node uses.
///
/// # Errors
/// The system has no random bytes.
pub(crate) fn directory_for(runs_dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).context("failed to get random bytes from the system")?;
    let (host, random) = (hostname(), u32::from_ne_bytes(random));
    Ok(runs_dir
        .join(DIRECTORY)
        .join(format!("{name}-{host}-{random:08x}")))
}

/// A small job that was submitted.
#[derive(Debug)]
pub(crate) struct Errand {
    job: JobId,
    directory: PathBuf,
}

/// How a small job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It waits or runs; why it waits, in words.
    Going(String),
    /// It ended; `None`: Slurm does not know how any more.
    Over(Option<JobState>),
    /// Slurm does not answer.
    Unknown(String),
}

impl Errand {
    /// Submits `hpcbench ARGUMENTS` as a job of this layout. The directory, which is created, gets its script and its output; all
    /// nodes have to see it.
    ///
    /// # Errors
    /// There is no sbatch, or Slurm refuses the job.
    pub(crate) fn submit(
        layout: &Layout,
        site: &Site,
        arguments: Vec<String>,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let directory = std::path::absolute(directory)?;
        private_dir(&directory)
            .with_context(|| Failure::Environment(format!("failed to create {}", directory.display())))?;
        let key = format!("hpcbench:{}", layout.job_name);
        let mut command = JobCommand::errand(&program::executable()?, arguments, &directory, &key)?;
        for (name, value) in variables(site) {
            command = command.with_variable(&name, &value)?;
        }
        let script = directory.join(SCRIPT);
        program::private_options()
            .write(true)
            .create_new(true)
            .open(&script)
            .and_then(|mut file| {
                file.write_all(
                    job_script(layout, &command)
                        .map_err(std::io::Error::other)?
                        .as_bytes(),
                )
            })
            .with_context(|| Failure::Environment(format!("failed to write {}", script.display())))?;
        let argv = Slurm::submission(layout, &command, &script);
        let job = Slurm::on_path()
            .submit(layout, &argv)
            .map_err(|error| match error {
                SubmitError::Refused(refusal) => Failure::Environment(refusal.to_string()),
                error => Failure::Environment(crate::exit::in_words(&error.into())),
            })?;
        Ok(Self { job, directory })
    }

    /// What Slurm says against a job of this layout; none: it would take it. Nothing is submitted; `directory` is for the script.
    ///
    /// # Errors
    /// There is no sbatch, or it does not answer.
    pub(crate) fn would_be_refused(layout: &Layout, directory: &Path) -> anyhow::Result<Option<String>> {
        let command = JobCommand::errand(
            &program::executable()?,
            Vec::new(),
            directory,
            "hpcbench:test-only",
        )?;
        let script = directory.join(SCRIPT);
        fs::write(&script, job_script(layout, &command)?)?;
        match Slurm::on_path().estimate(layout, &command, &script) {
            Ok(_) => Ok(None),
            Err(SubmitError::Refused(refusal)) => Ok(Some(refusal.message)),
            Err(error) => Err(error.into()),
        }
    }

    /// The job.
    pub(crate) const fn job(&self) -> JobId {
        self.job
    }

    /// How it stands, by its own word or by what is known of the queue; none: nothing is.
    pub(crate) fn standing(&self, queue: Option<&Queue>) -> Option<Standing> {
        if let Some(state) = self.ended() {
            return Some(Standing::Over(Some(state)));
        }
        Some(match queue?.find(self.job) {
            Sighting::Unknown(why) => Standing::Unknown(why.to_owned()),
            Sighting::Gone => Standing::Over(None),
            Sighting::Listed(parts) => parts.first().map_or(Standing::Over(None), |part| of_part(part)),
        })
    }

    /// How it ended, if it has said so. A job that was killed says nothing.
    pub(crate) fn ended(&self) -> Option<JobState> {
        let mut text = String::new();
        let file = fs::File::open(self.directory.join(ENDED)).ok()?;
        file.take(MAX_ENDED_BYTES).read_to_string(&mut text).ok()?;
        // The line may not be complete yet.
        match text.strip_suffix('\n')?.parse::<u8>().ok()? {
            0 => Some(JobState::Completed),
            _ => Some(JobState::Failed),
        }
    }

    /// What the job printed, at most its end.
    pub(crate) fn output(&self) -> String {
        let path = self.directory.join(format!("{}.log", self.job));
        let bytes = fs::read(path).unwrap_or_default();
        let start = bytes.len().saturating_sub(MAX_OUTPUT);
        String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned()
    }

    /// Ends the job.
    pub(crate) fn cancel(&self) {
        if let Err(error) = Slurm::on_path().cancel(self.job) {
            terminal::say(&format!("job {} may still be there: {error}", self.job));
        }
    }

    /// Waits for its end, saying how it stands. What it printed is shown then, and its directory removed if it ended well.
    ///
    /// # Errors
    /// It did not end well.
    pub(crate) fn follow(self) -> anyhow::Result<()> {
        let job = self.job;
        let mut said = String::new();
        let mut asking = Asking::default();
        let end = loop {
            let queue = asking.ask_unless(None, || self.ended().is_some());
            match self.standing(queue.as_ref()) {
                Some(Standing::Over(end)) => break end,
                Some(Standing::Going(words) | Standing::Unknown(words)) if words != said => {
                    terminal::say(&format!("job {job}: {words}"));
                    said = words;
                }
                _ => {}
            }
        };
        terminal::say(self.output().trim_end());
        match end {
            Some(JobState::Completed) => {
                // If it stays, it is in nobody's way.
                let _ = fs::remove_dir_all(&self.directory);
                Ok(())
            }
            Some(state) => Err(Failure::Environment(format!(
                "job {job} ended as {state}; its output is in {}",
                self.directory.display()
            ))
            .into()),
            None => Err(Failure::Environment(format!(
                "Slurm does not tell how job {job} ended; its output is in {}",
                self.directory.display()
            ))
            .into()),
        }
    }
}

fn of_part(part: &QueuedJob) -> Standing {
    if part.state.is_over() {
        return Standing::Over(Some(part.state.clone()));
    }
    Standing::Going(match part.waits_because() {
        Some(because) => format!("{}: {because}", part.state),
        None => part.state.to_string(),
    })
}

/// Asks Slurm for the queue, seldom: the end of a job is told by a file. What is known of the queue for runs is of no use here,
/// since it may be from before the job was submitted.
#[derive(Debug)]
pub(crate) struct Asking {
    pause: Duration,
}

impl Default for Asking {
    fn default() -> Self {
        Self { pause: FIRST_PAUSE }
    }
}

impl Asking {
    /// Waits for its turn, no longer than until then, and asks; unless this comes true meanwhile: then nobody is asked.
    pub(crate) fn ask_unless(
        &mut self,
        latest: Option<Instant>,
        mut is_needless: impl FnMut() -> bool,
    ) -> Option<Queue> {
        let turn = Instant::now() + self.pause;
        let until = latest.map_or(turn, |latest| latest.min(turn));
        while Instant::now() < until {
            if is_needless() {
                return None;
            }
            std::thread::sleep(LOOK);
        }
        self.pause = PAUSE;
        Some(Slurm::on_path().queue())
    }
}

/// What a job gets of this process's environment, and what the site sets for the way to the internet. None is a secret.
fn variables(site: &Site) -> Vec<(String, String)> {
    let own = PASSED_ON
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let server = hpcbench_nats::find_server().ok();
    let server = server.and_then(|path| {
        std::path::absolute(path)
            .ok()?
            .into_os_string()
            .into_string()
            .ok()
    });
    let proxies = [
        ("http_proxy", &site.proxies.http),
        ("https_proxy", &site.proxies.https),
        ("no_proxy", &site.proxies.no_proxy),
    ];
    let proxies = proxies
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    own.chain(server.map(|path| (SERVER_VARIABLE.to_owned(), path)))
        .chain(proxies)
        .collect()
}
