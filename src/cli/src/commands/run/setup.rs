//! What a run is started with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use hpcbench_actors::orchestrator::{Begin, Interrupt, LiveUpdate, Places, RunSetup};
use hpcbench_actors::shell::now;
use hpcbench_core::event::JobStarted;
use hpcbench_core::{Epoch, NodeId, Role, Submitted};
use hpcbench_nats::SECRET_BYTES;
use hpcbench_recipes::Plan;
use hpcbench_report::{RunView, TrialCounts};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc::{Receiver, Sender};

use super::{audit, identity};
use crate::cluster::InJob;
use crate::commands::submit::Handover;
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
    places: Places,
    begin: Begin,
    /// The job that the run was started within, if it is not left to it.
    job: Option<JobStarted>,
    /// Node-local place for what does not belong into the run directory.
    scratch: PathBuf,
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
        let begin = Begin::Create(audit::created(&plan, run, audit::tools(&plan)?));
        Self::new(plan.into(), run_dir, begin, random)
    }

    /// Gathers what a new run needs that is left to a job; also its id.
    ///
    /// # Errors
    /// There is no nats-server, or no randomness.
    pub(in crate::commands) fn to_submit(
        plan: Plan,
        run_dir: Option<PathBuf>,
        runs_dir: &Path,
    ) -> anyhow::Result<(Handover, String)> {
        let mut random = seeded()?;
        let run = identity::run_id(now(), &plan.name, two_bytes(&mut random))?;
        let run_dir = run_dir.unwrap_or_else(|| runs_dir.join(run.as_str()));
        let words = run.to_string();
        let created = audit::created(&plan, run, audit::tools(&plan)?);
        let handover = Handover {
            plan: plan.into(),
            run_dir,
            run: Submitted::New(created),
            epoch: Epoch(1),
            dead_through: Epoch(0),
            after: None,
        };
        Ok((handover, words))
    }

    /// Gathers what the run in `run_dir` needs, which was left to this job. The orchestrators through that epoch are proven dead.
    ///
    /// # Errors
    /// The run has no id; there is no nats-server, or no randomness.
    pub(in crate::commands) fn to_job(
        view: &RunView,
        run_dir: PathBuf,
        in_job: InJob,
        dead_through: Epoch,
    ) -> anyhow::Result<Self> {
        let run = view
            .state
            .run
            .clone()
            .context("the run's log has no first event")?;
        let started = JobStarted {
            tools: audit::tools(&view.plan)?,
            ..in_job.started.clone()
        };
        let begin = Begin::Job { run, started };
        let prepared = Self::new(Arc::clone(&view.plan), run_dir, begin, seeded()?)?;
        Ok(Self {
            settled: TrialCounts::of(view).settled(),
            dead_through,
            ..prepared.on(in_job, None)
        })
    }

    /// The same on the nodes of an allocation that somebody made by hand. The versions of the tools are told with the command.
    pub(in crate::commands) fn within(self, in_job: InJob) -> Self {
        let started = in_job.started.clone();
        self.on(in_job, Some(started))
    }

    fn on(self, in_job: InJob, job: Option<JobStarted>) -> Self {
        let wanted = &self.plan.storage.scratch;
        let scratch = in_job.scratch.filter(|_| wanted == AUTO).unwrap_or(self.scratch);
        Self {
            places: in_job.places,
            scratch,
            job,
            ..self
        }
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
        let begin = if let Some(run) = &view.state.run {
            Begin::Resume {
                run: run.clone(),
                resumed: audit::resumed(audit::tools(&view.plan)?, retry_failed),
            }
        } else {
            // It was killed before its first event.
            let known = identity::of_directory(&run_dir, &view.plan.name);
            let run = known.map_or_else(
                || identity::run_id(now(), &view.plan.name, two_bytes(&mut random)),
                Ok,
            )?;
            Begin::Create(audit::created(&view.plan, run, audit::tools(&view.plan)?))
        };
        let settled = TrialCounts::of(view);
        let pending_again = if retry_failed { settled.failed } else { 0 };
        let prepared = Self::new(Arc::clone(&view.plan), run_dir, begin, random)?;
        Ok(Self {
            settled: settled.settled() - pending_again,
            dead_through,
            ..prepared
        })
    }

    fn new(plan: Arc<Plan>, run_dir: PathBuf, begin: Begin, random: StdRng) -> anyhow::Result<Self> {
        Ok(Self {
            run_dir,
            node: orchestrator(&plan)?,
            settled: 0,
            places: Places::local(),
            begin,
            job: None,
            scratch: scratch_base(&plan),
            dead_through: Epoch(0),
            hpcbench: program::executable()?,
            plan,
            random,
        })
    }

    /// The setup, with the channels to the user.
    pub(super) fn into_setup(
        mut self,
        live: Sender<LiveUpdate>,
        interrupts: Receiver<Interrupt>,
    ) -> RunSetup {
        RunSetup {
            scratch_base: self.scratch,
            plan: self.plan,
            run_dir: self.run_dir,
            places: self.places,
            hpcbench: self.hpcbench,
            program: program::program(),
            begin: self.begin,
            dead_through: self.dead_through,
            live,
            job: self.job,
            interrupts,
            random: Box::new(move || {
                let mut bytes = [0; SECRET_BYTES];
                self.random.fill_bytes(&mut bytes);
                bytes
            }),
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
    chosen_scratch(plan).unwrap_or_else(default_scratch)
}

/// The node-local directory that the recipe names, if it does.
pub(in crate::commands) fn chosen_scratch(plan: &Plan) -> Option<PathBuf> {
    let wanted = &plan.storage.scratch;
    (wanted != AUTO).then(|| PathBuf::from(wanted))
}

/// The node-local directory of a recipe that names none.
pub(in crate::commands) fn default_scratch() -> PathBuf {
    let slurm = std::env::var_os(SLURM_SCRATCH).filter(|path| !path.is_empty());
    slurm.map_or_else(std::env::temp_dir, PathBuf::from)
}
