//! What a run is started with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use hpcbench_actors::orchestrator::{Begin, Interrupt, LiveUpdate, Places, RunSetup};
use hpcbench_actors::shell::{hostname, now, user};
use hpcbench_core::event::{RunCreated, RunResumed};
use hpcbench_core::{Epoch, NodeId, Role, RunId};
use hpcbench_nats::SECRET_BYTES;
use hpcbench_recipes::Plan;
use hpcbench_report::{RunView, TrialCounts};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::{bus_server, identity, words};
use crate::program;

/// Slurm's node-local directory of a job.
const SLURM_SCRATCH: &str = "SLURM_TMPDIR";
/// The recipe leaves the choice of the scratch directory to us.
const AUTO: &str = "auto";

/// A run that is about to begin or to go on. Nothing has been created or started yet.
pub(in crate::commands) struct Prepared {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// Where.
    pub run_dir: PathBuf,
    /// The orchestrator's node.
    pub node: NodeId,
    /// Trials about which nothing more will be done.
    pub settled: usize,
    /// Where the agents of the nodes are started, and how.
    pub places: Places,
    begin: Begin,
    dead_through: Epoch,
    hpcbench: PathBuf,
    random: StdRng,
}

impl Prepared {
    /// Gathers what a new run needs.
    ///
    /// # Errors
    /// There is no nats-server, or no randomness.
    pub(super) fn to_create(plan: Plan, run_dir: Option<PathBuf>, runs_dir: &Path) -> anyhow::Result<Self> {
        let mut random = seeded()?;
        let run = identity::run_id(now(), &plan.name, two_bytes(&mut random))?;
        let run_dir = run_dir.unwrap_or_else(|| runs_dir.join(run.as_str()));
        Self::new(plan.into(), run_dir, Beginning::Create(run), random)
    }

    /// Gathers what the run in `run_dir` needs to go on. The orchestrators through that epoch are proven dead.
    ///
    /// # Errors
    /// There is no nats-server, or no randomness.
    pub(in crate::commands) fn to_resume(
        view: &RunView,
        run_dir: PathBuf,
        retry_failed: bool,
        dead_through: Epoch,
    ) -> anyhow::Result<Self> {
        let mut random = seeded()?;
        let beginning = if let Some(run) = &view.state.run {
            Beginning::Resume(run.clone(), retry_failed)
        } else {
            // It was killed before its first event.
            let known = identity::of_directory(&run_dir, &view.plan.name);
            let run = known.map_or_else(
                || identity::run_id(now(), &view.plan.name, two_bytes(&mut random)),
                Ok,
            )?;
            Beginning::Create(run)
        };
        let settled = TrialCounts::of(view);
        let pending_again = if retry_failed { settled.failed } else { 0 };
        let prepared = Self::new(Arc::clone(&view.plan), run_dir, beginning, random)?;
        Ok(Self {
            settled: settled.settled() - pending_again,
            dead_through,
            ..prepared
        })
    }

    fn new(plan: Arc<Plan>, run_dir: PathBuf, beginning: Beginning, random: StdRng) -> anyhow::Result<Self> {
        let tools = [("nats-server".to_owned(), bus_server::version()?)].into();
        Ok(Self {
            run_dir,
            node: orchestrator(&plan)?,
            settled: 0,
            places: Places::local(),
            begin: beginning.recorded(&plan, tools),
            dead_through: Epoch(0),
            hpcbench: program::executable()?,
            plan,
            random,
        })
    }

    /// The setup, with the channels to the user.
    pub(super) fn into_setup(
        mut self,
        live: UnboundedSender<LiveUpdate>,
        interrupts: UnboundedReceiver<Interrupt>,
    ) -> RunSetup {
        RunSetup {
            scratch_base: scratch_base(&self.plan),
            plan: self.plan,
            run_dir: self.run_dir,
            places: self.places,
            hpcbench: self.hpcbench,
            program: program::program(),
            begin: self.begin,
            dead_through: self.dead_through,
            live,
            job: None,
            interrupts,
            random: Box::new(move || {
                let mut bytes = [0; SECRET_BYTES];
                self.random.fill_bytes(&mut bytes);
                bytes
            }),
        }
    }
}

/// What is to be recorded as the first that happens.
enum Beginning {
    Create(RunId),
    Resume(RunId, bool),
}

impl Beginning {
    /// With who asks for it, where and how.
    fn recorded(self, plan: &Plan, tools: BTreeMap<String, String>) -> Begin {
        let (user, host) = (user(), hostname());
        let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        let command_line = words::without_secrets(words);
        match self {
            Self::Create(run) => Begin::Create(RunCreated {
                run,
                name: plan.name.clone(),
                plan: plan.hash.clone(),
                recipe: plan.recipe_sha256.clone(),
                trials: plan.trials.len() as u64,
                nodes: plan
                    .nodes
                    .iter()
                    .map(|node| (node.node.clone(), node.role))
                    .collect(),
                user,
                host,
                command_line,
                program: program::program(),
                tools,
            }),
            Self::Resume(run, retry_failed) => Begin::Resume {
                run,
                resumed: RunResumed {
                    user,
                    host,
                    command_line,
                    tools,
                    retry_failed,
                },
            },
        }
    }
}

fn two_bytes(random: &mut StdRng) -> [u8; 2] {
    let mut bytes = [0; 2];
    random.fill_bytes(&mut bytes);
    bytes
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
pub(in crate::commands) fn scratch_base(plan: &Plan) -> PathBuf {
    let wanted = &plan.storage.scratch;
    if wanted != AUTO {
        return PathBuf::from(wanted);
    }
    default_scratch()
}

/// The node-local directory of a recipe that names none.
pub(in crate::commands) fn default_scratch() -> PathBuf {
    let slurm = std::env::var_os(SLURM_SCRATCH).filter(|path| !path.is_empty());
    slurm.map_or_else(std::env::temp_dir, PathBuf::from)
}
