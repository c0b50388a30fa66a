//! Carrying out what follows from synced events.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use hpcbench_core::event::StateVerified;
use hpcbench_core::{Attempt, Command, Effect, Measured, NodeId, Seq, State, TrialId};
use hpcbench_journal::JournalError;
use hpcbench_recipes::Plan;
use sha2::{Digest, Sha256};

use super::actor::{Input, Orchestrator};
use super::bus::BusHost;
use super::launcher::{AgentLaunch, Launcher};
use super::measure::HandedIn;
use super::{machine, measure};
use crate::shell::{describe, hex};

/// Pause before the log is read again when its end is not on the disk yet.
const REREAD: Duration = Duration::from_millis(50);
/// How often that is done.
const REREADS: u32 = 100;

/// Carries out effects.
pub(super) struct Executor {
    plan: Arc<Plan>,
    bus: Arc<BusHost>,
    launcher: Launcher,
}

impl Executor {
    pub(super) const fn new(plan: Arc<Plan>, bus: Arc<BusHost>, launcher: Launcher) -> Self {
        Self { plan, bus, launcher }
    }

    pub(super) fn run_dir(&self) -> &Path {
        &self.bus.run_dir
    }

    pub(super) fn bus_is_up(&self) -> bool {
        self.bus.slot.is_up()
    }

    /// Whether a node's agent is part of this process.
    pub(super) fn is_local(&self, node: &NodeId) -> bool {
        self.launcher.is_local(node)
    }

    /// Carries out one effect of the event `cause`; what comes of it is sent to the orchestrator.
    pub(super) fn execute(
        &mut self,
        effect: Effect,
        cause: Seq,
        state: &State,
        orchestrator: &Addr<Orchestrator>,
    ) {
        match effect {
            Effect::StartBus { launch } => {
                actix::spawn(Arc::clone(&self.bus).host(launch, cause, orchestrator.clone()));
            }
            Effect::LaunchAgent { node, role, launch } => {
                let agent = AgentLaunch {
                    node,
                    role,
                    launch,
                    cause,
                };
                self.launcher.launch(agent, orchestrator);
            }
            Effect::KillAgent { node } => self.launcher.kill(&node),
            Effect::Send { node, actor, command } => self.launcher.send(&node, actor, command),
            Effect::Measure {
                trial,
                attempt,
                point,
                aggregates,
                services,
                without,
                endpoints,
            } => {
                let handed_in = HandedIn {
                    start_error: self.launcher.start_error(&trial, attempt),
                    point,
                    aggregates,
                    services,
                    without,
                    endpoints,
                };
                self.measure(trial, attempt, handed_in, cause, orchestrator.clone());
            }
            Effect::CheckState { .. } => self.check(state.clone(), cause, orchestrator.clone()),
            // The actor's own affair.
            Effect::Finish { .. } => {}
        }
    }

    /// Lets go of every agent that is left.
    pub(super) fn end(&mut self) {
        self.launcher.end();
    }

    fn measure(
        &self,
        trial: TrialId,
        attempt: Attempt,
        handed_in: HandedIn,
        cause: Seq,
        orchestrator: Addr<Orchestrator>,
    ) {
        let (plan, run_dir) = (Arc::clone(&self.plan), self.run_dir().to_path_buf());
        actix::spawn(async move {
            let which = trial.clone();
            let work = tokio::task::spawn_blocking(move || {
                let result = measure::summarize(&plan, &run_dir, &which, &handed_in);
                (result, measure::application_tail(&run_dir))
            });
            let (result, log_tail) = match work.await {
                Ok((result, log_tail)) => (result.map_err(|error| describe(&error)), log_tail),
                Err(error) => (Err(error.to_string()), Vec::new()),
            };
            let measured = Measured {
                trial,
                attempt,
                result: result.map(Box::new),
                log_tail,
            };
            orchestrator.do_send(Input::caused(Command::Measured(measured), cause));
        });
    }

    /// Folds the log from the disk and compares.
    fn check(&self, live: State, cause: Seq, orchestrator: Addr<Orchestrator>) {
        let run_dir = self.run_dir().to_path_buf();
        actix::spawn(async move {
            let through = live.seq;
            let work = tokio::task::spawn_blocking(move || compare(&run_dir, &live));
            let (equal, sha256) = match work.await {
                Ok(Ok(result)) => result,
                Ok(Err(error)) => {
                    tracing::error!(error = describe(&error), "failed to read the log back");
                    (false, String::new())
                }
                Err(error) => {
                    tracing::error!(%error, "failed to fold the log");
                    (false, String::new())
                }
            };
            let verified = StateVerified {
                through,
                equal,
                sha256,
            };
            orchestrator.do_send(Input::caused(Command::StateChecked(verified), cause));
        });
    }
}

/// Whether the log on disk adds up to the live state, and the digest of what it adds up to.
fn compare(run_dir: &Path, live: &State) -> Result<(bool, String), JournalError> {
    let mut folded = fold(run_dir, live, live.seq)?;
    for _ in 0..REREADS {
        if folded.seq >= live.seq {
            break;
        }
        std::thread::sleep(REREAD);
        folded = fold(run_dir, live, live.seq)?;
    }
    let json = serde_json::to_vec(&folded).unwrap_or_default();
    let sha256 = hex(&Sha256::digest(&json));
    Ok((folded == *live, sha256))
}

fn fold(run_dir: &Path, live: &State, through: Seq) -> Result<State, JournalError> {
    machine::folded(run_dir, Arc::clone(&live.outline), Some(through))
}
