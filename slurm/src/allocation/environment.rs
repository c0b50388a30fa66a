//! Reading an allocation from the variables that Slurm sets.

use super::{Allocation, Granted, GrantedHost};
use crate::hosts::{InvalidHostList, expand};
use crate::ids::{InvalidJobId, JobId};
use crate::time::UnixTime;

/// Most components of a job; Slurm's own limit is 128.
const MAX_COMPONENTS: u32 = 128;

/// Variables that look like a job's, but do not describe one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllocationError {
    /// The id is none.
    #[error("SLURM_JOB_ID: {0}")]
    Job(#[from] InvalidJobId),
    /// There is no list of hosts.
    #[error("this is Slurm job {job}, but {variable} is not set")]
    NoHosts {
        /// The job.
        job: JobId,
        /// The variable.
        variable: String,
    },
    /// The list of hosts is none.
    #[error("{variable}: {source}")]
    Hosts {
        /// The variable.
        variable: String,
        /// Why.
        #[source]
        source: InvalidHostList,
    },
    /// The number of components is none.
    #[error("SLURM_HET_SIZE is {0:?}, which is not a number of components")]
    Size(String),
}

impl Allocation {
    /// The job that these variables describe; none outside of a job.
    ///
    /// # Errors
    /// They contradict each other.
    pub fn from_env(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, AllocationError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let Some(id) = set("SLURM_JOB_ID").or_else(|| set("SLURM_JOBID")) else {
            return Ok(None);
        };
        let job: JobId = id.parse()?;
        let components = match set("SLURM_HET_SIZE") {
            Some(size) => {
                let count = size
                    .parse()
                    .ok()
                    .filter(|count| (1..=MAX_COMPONENTS).contains(count));
                let count = count.ok_or(AllocationError::Size(size))?;
                let groups = (0..count).map(|group| granted(job, &set, &format!("_HET_GROUP_{group}")));
                groups.collect::<Result<_, _>>()?
            }
            None => vec![granted(job, &set, "")?],
        };
        let time = |name: &str| set(name).and_then(|text| UnixTime::parse(&text));
        Ok(Some(Self {
            job,
            restarts: set("SLURM_RESTART_COUNT")
                .and_then(|count| count.parse().ok())
                .unwrap_or(0),
            components,
            cluster: set("SLURM_CLUSTER_NAME"),
            topology: set("SLURM_TOPOLOGY_ADDR"),
            here: set("SLURMD_NODENAME"),
            submitted_at: None,
            started_at: time("SLURM_JOB_START_TIME"),
            ends_at: time("SLURM_JOB_END_TIME"),
        }))
    }
}

fn granted(
    job: JobId,
    set: &dyn Fn(&str) -> Option<String>,
    suffix: &str,
) -> Result<Granted, AllocationError> {
    let variable = format!("SLURM_JOB_NODELIST{suffix}");
    let Some(list) = set(&variable) else {
        return Err(AllocationError::NoHosts { job, variable });
    };
    let names = expand(&list).map_err(|source| AllocationError::Hosts { variable, source })?;
    let cpus = set(&format!("SLURM_JOB_CPUS_PER_NODE{suffix}"));
    let cpus = cpus
        .and_then(|text| counts(&text, names.len()))
        .unwrap_or_default();
    let hosts = names.into_iter().enumerate().map(|(index, name)| GrantedHost {
        name,
        cpus: cpus.get(index).copied(),
    });
    Ok(Granted {
        hosts: hosts.collect(),
        partition: set(&format!("SLURM_JOB_PARTITION{suffix}")),
    })
}

/// Reads `4(x2),2`: one number for each of so many hosts, or none if they are another number.
pub(super) fn counts(text: &str, hosts: usize) -> Option<Vec<u32>> {
    let mut counts = Vec::new();
    for item in text.split(',') {
        let (number, times) = match item.split_once("(x") {
            Some((number, times)) => (number, times.strip_suffix(')')?.parse().ok()?),
            None => (item, 1),
        };
        let number: u32 = number.parse().ok()?;
        if times > hosts - counts.len() {
            return None;
        }
        counts.extend(std::iter::repeat_n(number, times));
    }
    (counts.len() == hosts).then_some(counts)
}
