//! The jobs that look at nodes.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hpcbench_journal::LOOKUP_CACHE_WAIT;
use hpcbench_slurm::site::GpuRequest;
use hpcbench_slurm::{Errand as Wanted, Gpus, JobId, Partition, Site, TimeLimit};
use serde::{Deserialize, Serialize};

use super::super::DoctorArgs;
use super::super::check::Check;
use super::super::node::Node;
use super::{ClusterOptions, lenient};
use crate::cluster::{Asking, Errand, Standing, directory_for};
use crate::exit::{Failure, in_words};
use crate::terminal;

/// How long a job may take.
const MINUTES: &str = "2";
/// What a job writes, in its directory.
const REPORT: &str = "report.json";
/// Largest report that is read, bytes.
const MAX_REPORT_BYTES: u64 = 1 << 20;
/// The ways to ask for a GPU, in the order in which they are tried.
const GPU_REQUESTS: [GpuRequest; 3] = [GpuRequest::Gres, GpuRequest::GpusPerNode, GpuRequest::None];

/// What a job found on its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NodeDiagnosis {
    pub(super) checks: Vec<Check>,
    pub(super) ready: bool,
    pub(super) node: Node,
}

/// What was found of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) partition: String,
    /// The job; none: Slurm refused it.
    pub(super) job: Option<String>,
    /// What it found; none: see `problem`.
    pub(super) found: Option<NodeDiagnosis>,
    /// Why nothing was found, or what the job's node lacks.
    pub(super) problem: Option<String>,
    #[serde(skip)]
    gpu_request: Option<GpuRequest>,
}

impl Report {
    /// Whether runs can work there.
    pub(super) fn is_ready(&self) -> bool {
        self.problem.is_none() && self.found.as_ref().is_some_and(|found| found.ready)
    }

    /// How GPUs are to be asked for, if this job got some.
    pub(super) fn gpu_request(&self) -> Option<GpuRequest> {
        let has_gpus = self
            .found
            .as_ref()
            .is_some_and(|found| !found.node.gpus.is_empty());
        self.gpu_request.filter(|_| has_gpus)
    }
}

/// Jobs that were submitted, and those that were refused.
pub(super) struct Jobs {
    /// Where all of them write.
    directory: PathBuf,
    jobs: Vec<(Job, Option<Errand>)>,
}

struct Job {
    partition: String,
    directory: PathBuf,
    gpu_request: Option<GpuRequest>,
    problem: Option<String>,
}

impl Jobs {
    /// One for each partition.
    ///
    /// # Errors
    /// The directory cannot be created, or there is no sbatch.
    pub(super) fn submit(
        partitions: &[Partition],
        site: &Site,
        args: &DoctorArgs,
        runs_dir: &Path,
    ) -> anyhow::Result<Self> {
        let runs_dir = std::path::absolute(runs_dir)?;
        let directory = directory_for(&runs_dir, "doctor")?;
        let mut jobs = Vec::with_capacity(partitions.len());
        for (number, partition) in partitions.iter().enumerate() {
            let job = Job {
                partition: partition.name.clone(),
                directory: directory.join(number.to_string()),
                gpu_request: None,
                problem: None,
            };
            jobs.push(submit_one(job, partition, site, args, &runs_dir)?);
        }
        Ok(Self { directory, jobs })
    }

    /// Waits for all of them, and cancels what has not started by then.
    pub(super) fn collect(self, patience: Duration) -> Vec<Report> {
        let until = Instant::now() + patience;
        let mut asking = Asking::default();
        let mut reports: Vec<Report> = Vec::new();
        let mut left = self.jobs;
        loop {
            let is_over = |(job, errand): &(Job, Option<Errand>)| {
                job.report().is_some() || errand.as_ref().is_none_or(|errand| errand.ended().is_some())
            };
            let queue = asking.ask_unless(Some(until), || left.iter().all(is_over));
            let is_late = Instant::now() >= until;
            left.retain(|(job, errand)| {
                let standing = errand
                    .as_ref()
                    .map(|errand| (errand, errand.standing(queue.as_ref())));
                match job.conclude(standing, is_late) {
                    Some(report) => {
                        reports.push(report);
                        false
                    }
                    None => true,
                }
            });
            if left.is_empty() {
                break;
            }
        }
        reports.sort_by(|one, other| one.partition.cmp(&other.partition));
        if reports.iter().all(|report| report.found.is_some()) {
            // If it stays, it is in nobody's way.
            let _ = fs::remove_dir_all(&self.directory);
        }
        reports
    }
}

/// Asks for a GPU where there are some, in one way after the other.
fn submit_one(
    mut job: Job,
    partition: &Partition,
    site: &Site,
    args: &DoctorArgs,
    runs_dir: &Path,
) -> anyhow::Result<(Job, Option<Errand>)> {
    let ways: Vec<Option<GpuRequest>> = if partition.gpus > 0 {
        GPU_REQUESTS.into_iter().map(Some).collect()
    } else {
        vec![None]
    };
    let arguments = arguments(&job, args, runs_dir)?;
    for way in ways {
        let layout = wanted(&args.cluster, Some(partition.name.clone()), way)?
            .of_site(&lenient(site))
            .map_err(|error| Failure::Usage(error.to_string()))?;
        // A former way's script is in the way.
        let _ = fs::remove_dir_all(&job.directory);
        match Errand::submit(&layout, site, arguments.clone(), &job.directory) {
            Ok(errand) => {
                terminal::say(&format!("partition {}: job {}", partition.name, errand.job()));
                job.gpu_request = way;
                job.problem = None;
                return Ok((job, Some(errand)));
            }
            Err(error) => job.problem = Some(in_words(&error)),
        }
    }
    Ok((job, None))
}

fn arguments(job: &Job, args: &DoctorArgs, runs_dir: &Path) -> anyhow::Result<Vec<String>> {
    let text = |path: &Path| {
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| Failure::Usage(format!("{} is not UTF-8", path.display())))
    };
    Ok(vec![
        format!("--runs-dir={}", text(runs_dir)?),
        "doctor".to_owned(),
        format!("--streams={}", args.streams),
        format!("--node-report={}", text(&job.directory.join(REPORT))?),
    ])
}

fn wanted(
    options: &ClusterOptions,
    partition: Option<String>,
    way: Option<GpuRequest>,
) -> anyhow::Result<Wanted> {
    let one = Gpus {
        count: NonZeroU32::MIN,
        kind: None,
    };
    Ok(Wanted {
        name: "hpcbench-doctor".to_owned(),
        partition,
        account: options.account.clone(),
        qos: options.qos.clone(),
        gpus: way.map(|way| (one, way)),
        time_limit: MINUTES.parse::<TimeLimit>()?,
    })
}

/// Whether jobs without an account are refused: one is asked about, not submitted.
pub(super) fn needs_account(site: &Site, options: &ClusterOptions) -> bool {
    let without = ClusterOptions {
        account: None,
        ..options.clone()
    };
    let partition = options.partition.first().cloned();
    let asked = || -> anyhow::Result<bool> {
        let layout = wanted(&without, partition, None)?.of_site(&lenient(site))?;
        let place = tempfile::tempdir()?;
        Ok(Errand::would_be_refused(&layout, place.path())?.is_some_and(|words| words.contains("account")))
    };
    asked().unwrap_or(site.account_required)
}

impl Job {
    /// What it has written.
    fn report(&self) -> Option<NodeDiagnosis> {
        let path = self.directory.join(REPORT);
        if fs::metadata(&path).ok()?.len() > MAX_REPORT_BYTES {
            return None;
        }
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// What came of it, if it is over: by its report, by the queue, or since its time is up.
    fn conclude(&self, standing: Option<(&Errand, Option<Standing>)>, is_late: bool) -> Option<Report> {
        let concluded = |job: Option<JobId>, found, problem| {
            Some(Report {
                partition: self.partition.clone(),
                job: job.map(|job| job.to_string()),
                found,
                problem,
                gpu_request: self.gpu_request,
            })
        };
        let Some((errand, standing)) = standing else {
            return concluded(None, None, self.problem.clone());
        };
        let job = Some(errand.job());
        if let Some(found) = self.report() {
            return concluded(job, Some(found), None);
        }
        match standing {
            Some(Standing::Over(end)) => {
                // Written on another node, whose news may come late.
                let found = self.late_report();
                let end = end.map_or_else(|| "ended".to_owned(), |end| format!("ended as {end}"));
                let said = errand.output();
                let problem = found
                    .is_none()
                    .then(|| format!("its job {end} without a report: {}", said.trim()));
                concluded(job, found, problem)
            }
            Some(Standing::Going(words) | Standing::Unknown(words)) if is_late => {
                errand.cancel();
                concluded(job, None, Some(format!("its job was given up: it is {words}")))
            }
            None if is_late => {
                errand.cancel();
                concluded(job, None, Some("its job was given up".to_owned()))
            }
            _ => None,
        }
    }

    fn late_report(&self) -> Option<NodeDiagnosis> {
        let caches = hpcbench_journal::lookups_cached(&self.directory).unwrap_or(true);
        let patience = if caches {
            LOOKUP_CACHE_WAIT
        } else {
            Duration::from_secs(1)
        };
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(found) = self.report() {
                return Some(found);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        None
    }
}
