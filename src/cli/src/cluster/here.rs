//! The job that this process runs in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hpcbench_actors::orchestrator::{Orphans, Places};
use hpcbench_actors::shell::hostname;
use hpcbench_core::Timestamp;
use hpcbench_core::event::JobStarted;
use hpcbench_recipes::{NodeId, Plan, Role};
use hpcbench_slurm::{Allocation, JobId, Placed, Slurm, UnixTime, assign};

use super::{Target, hosts};
use crate::exit::Failure;
use crate::{program, terminal};

/// The job that this process runs in, as a run uses it.
#[derive(Debug, Clone)]
pub(crate) struct InJob {
    /// The job.
    pub job: JobId,
    /// Where the agents are started.
    pub places: Places,
    /// What the log is told.
    pub started: JobStarted,
    /// The site's node-local directory.
    pub scratch: Option<PathBuf>,
}

/// How a run came into its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// The job was submitted for it, and may be started again.
    BySubmission,
    /// Somebody had the nodes already.
    ByHand,
}

impl InJob {
    /// The job that this process runs in; `None` if it runs in none.
    ///
    /// # Errors
    /// The job does not have what the run needs, or Slurm's variables make no sense.
    pub(crate) fn find(plan: &Plan, target: &Target, came: Came) -> anyhow::Result<Option<Self>> {
        let variable = |name: &str| std::env::var(name).ok();
        let Some(mut allocation) = Allocation::from_env(&variable)? else {
            return Ok(None);
        };
        let slurm = Slurm::on_path();
        if let Err(error) = slurm.add_times(&mut allocation) {
            terminal::say(&format!(
                "Slurm does not say when the job was submitted and how long it lasts: {error}"
            ));
        }
        let version = slurm.version().unwrap_or_else(|_| "unknown".to_owned());
        let here = allocation.here.get_or_insert_with(hostname).clone();
        let mut placed =
            assign(&target.layout, &allocation).map_err(|error| Failure::Environment(error.to_string()))?;
        put_orchestrator_here(&mut placed, &here);
        let orphans = match came {
            Came::BySubmission => hosts::orphans(plan, &program::executable()?, &allocation),
            Came::ByHand => Orphans {
                timeout: plan.launch.orphan_timeout.as_std(),
                hook: Vec::new(),
            },
        };
        let started = JobStarted {
            job: allocation.job.to_string(),
            restarts: allocation.restarts,
            hosts: placed
                .iter()
                .map(|(node, placed)| (node.clone(), placed.host.clone()))
                .collect(),
            cluster: allocation.cluster.clone(),
            partitions: allocation.partitions(),
            submitted_at: allocation.submitted_at.map(timestamp),
            started_at: allocation.started_at.map(timestamp),
            ends_at: allocation.ends_at.map(timestamp),
            stop_before: f64::from(target.layout.stop_before),
            topology: allocation.topology.clone(),
            version: format!("slurm {version}"),
            tools: BTreeMap::new(),
            by_hand: came == Came::ByHand,
        };
        Ok(Some(Self {
            job: allocation.job,
            places: hosts::places(plan, &target.site, &allocation, &placed, orphans),
            started,
            scratch: target.site.scratch.clone().map(PathBuf::from),
        }))
    }
}

/// The orchestrator lives in this process, wherever that is: `salloc` leaves people on the login node.
fn put_orchestrator_here(placed: &mut BTreeMap<NodeId, Placed>, here: &str) {
    let orchestrator = placed
        .values_mut()
        .find(|placed| placed.role == Role::Orchestrator);
    if let Some(orchestrator) = orchestrator.filter(|orchestrator| orchestrator.host != here) {
        terminal::say(&format!(
            "the orchestrator runs here, on {here}, and not on the job's node {}: `srun -N1 -n1 --overlap hpcbench run …` \
             starts it there",
            orchestrator.host
        ));
        here.clone_into(&mut orchestrator.host);
        orchestrator.cpus = None;
    }
}

fn timestamp(time: UnixTime) -> Timestamp {
    const MICROS: i64 = 1_000_000;
    Timestamp::from_micros(time.seconds().saturating_mul(MICROS))
}
