//! What a run is started with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use hpcbench_actors::orchestrator::{LiveUpdate, RunSetup};
use hpcbench_actors::shell::{hostname, now, user};
use hpcbench_core::event::RunCreated;
use hpcbench_core::{NodeId, Role};
use hpcbench_nats::SECRET_BYTES;
use hpcbench_recipes::Plan;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::{bus_server, identity, words};
use crate::program;

/// Slurm's node-local directory of a job.
const SLURM_SCRATCH: &str = "SLURM_TMPDIR";
/// The recipe leaves the choice of the scratch directory to us.
const AUTO: &str = "auto";

/// A run that is about to begin. Nothing has been created yet.
pub(super) struct Prepared {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// Where.
    pub run_dir: PathBuf,
    /// The orchestrator's node.
    pub node: NodeId,
    /// The first words of the log.
    pub created: RunCreated,
    hpcbench: PathBuf,
    random: StdRng,
}

impl Prepared {
    /// Gathers what is needed.
    ///
    /// # Errors
    /// There is no nats-server, or no randomness.
    pub(super) fn new(plan: Plan, run_dir: Option<PathBuf>, runs_dir: &Path) -> anyhow::Result<Self> {
        let mut random = seeded()?;
        let mut suffix = [0; 2];
        random.fill_bytes(&mut suffix);
        let run = identity::run_id(now(), &plan.name, suffix)?;
        let tools = [("nats-server".to_owned(), bus_server::version()?)].into();
        let created = RunCreated {
            run: run.clone(),
            name: plan.name.clone(),
            plan: plan.hash.clone(),
            recipe: plan.recipe_sha256.clone(),
            trials: plan.trials.len() as u64,
            nodes: plan
                .nodes
                .iter()
                .map(|node| (node.node.clone(), node.role))
                .collect(),
            user: user(),
            host: hostname(),
            command_line: words::without_secrets(
                std::env::args_os().map(|word| word.to_string_lossy().into_owned()),
            ),
            program: program::program(),
            tools,
        };
        Ok(Self {
            run_dir: run_dir.unwrap_or_else(|| runs_dir.join(run.as_str())),
            node: orchestrator(&plan)?,
            hpcbench: program::executable()?,
            plan: Arc::new(plan),
            created,
            random,
        })
    }

    /// The setup, with the channels to the user.
    pub(super) fn into_setup(
        mut self,
        live: UnboundedSender<LiveUpdate>,
        interrupts: UnboundedReceiver<&'static str>,
    ) -> RunSetup {
        RunSetup {
            scratch_base: scratch_base(&self.plan.storage.scratch),
            plan: self.plan,
            run_dir: self.run_dir,
            hpcbench: self.hpcbench,
            program: program::program(),
            created: self.created,
            live,
            interrupts,
            random: Box::new(move || {
                let mut bytes = [0; SECRET_BYTES];
                self.random.fill_bytes(&mut bytes);
                bytes
            }),
        }
    }
}

/// A generator fit for passwords, with a seed of the system's.
fn seeded() -> anyhow::Result<StdRng> {
    let mut seed = <StdRng as SeedableRng>::Seed::default();
    getrandom::fill(&mut seed).context("failed to get random bytes from the system")?;
    Ok(StdRng::from_seed(seed))
}

fn orchestrator(plan: &Plan) -> anyhow::Result<NodeId> {
    let node = plan.nodes.iter().find(|node| node.role == Role::Orchestrator);
    Ok(node
        .context("the plan has no node for the orchestrator")?
        .node
        .clone())
}

/// The node-local directory: the recipe's, Slurm's, or the system's for temporary files.
fn scratch_base(wanted: &str) -> PathBuf {
    if wanted != AUTO {
        return PathBuf::from(wanted);
    }
    let slurm = std::env::var_os(SLURM_SCRATCH).filter(|path| !path.is_empty());
    slurm.map_or_else(std::env::temp_dir, PathBuf::from)
}
