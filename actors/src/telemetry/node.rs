//! The node's telemetry, as its agent has it.

use std::sync::Arc;
use std::time::Duration;

use hpcbench_core::event::{ServiceFailed, ServiceObserved};
use hpcbench_core::message::{AgentCommand, CommandBody, ReportBody};
use hpcbench_core::{Attempt, Epoch, InstanceId, Role, Seq, TrialId};
use hpcbench_recipes::TrialPlan;
use hpcbench_recipes::recipe::GpuMonitoring;
use hpcbench_stats::ServiceReport;
use hpcbench_telemetry::clock::monotonic_ns;
use hpcbench_telemetry::gpu::Gpus;
use tokio::sync::mpsc;

use super::observation::{Observation, TELLS, Teller, Told, nanos};
use super::recorder::{Recorder, table_path};
use super::sampler::{Sampler, Throttling};
use crate::agent::AgentContext;
use crate::shell::{catch_future, describe};

/// The node's telemetry.
pub(crate) struct Telemetry {
    context: Arc<AgentContext>,
    recording: Option<Recording>,
    throttling: Throttling,
    /// The attempt that is observed.
    observed: Option<(TrialId, Attempt, Teller)>,
}

struct Recording {
    recorder: Arc<Recorder>,
    sampler: Option<Sampler>,
}

/// Whether something is still to be done about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It was for telemetry alone.
    Wholly,
    /// Another actor has to carry it out.
    Noticed,
}

impl Telemetry {
    /// Telemetry that has not begun.
    pub(crate) fn new(context: Arc<AgentContext>) -> Self {
        Self {
            context,
            recording: None,
            throttling: Throttling::default(),
            observed: None,
        }
    }

    /// Takes notice of a command.
    pub(crate) async fn take(&mut self, command: &AgentCommand) -> Taken {
        match &command.body {
            CommandBody::Collect => self.begin(),
            CommandBody::LaunchService { instance, launch, .. } => {
                if let Some(reason) = self.missing_gpus().await {
                    let failed = ServiceFailed {
                        instance: instance.clone(),
                        launch: *launch,
                        reason,
                        log_tail: Vec::new(),
                    };
                    let body = ReportBody::ServiceFailed(failed);
                    self.context.outbox.report(Some(command.cause), body);
                    return Taken::Wholly;
                }
            }
            // What is observed ends with it, if it has not been told to.
            CommandBody::StopService { .. } => self.observed = None,
            CommandBody::Observe {
                trial,
                attempt,
                endpoints,
                point,
            } => {
                self.context.set_under_load(true);
                let planned = self.context.plan.trial(trial, *point);
                self.observe((trial, planned), *attempt, endpoints.clone());
                return Taken::Wholly;
            }
            CommandBody::ObserveLoad {
                trial,
                attempt,
                delay_ms,
            } => {
                // Whoever is not observed needs not be told.
                let start_ns = monotonic_ns().saturating_add(nanos(Duration::from_millis(*delay_ms)));
                self.tell(trial, *attempt, Told::Begins(start_ns));
                return Taken::Wholly;
            }
            CommandBody::LeaveObservation { trial, attempt } => {
                self.context.set_under_load(false);
                let is_observed = |(observed, number, _): &(TrialId, Attempt, Teller)| {
                    observed == trial && number == attempt
                };
                self.observed.take_if(|observed| is_observed(observed));
                return Taken::Wholly;
            }
            CommandBody::FinishObservation { trial, attempt } => {
                self.context.set_under_load(false);
                self.finish_observation(trial, *attempt, command.cause);
                return Taken::Wholly;
            }
            _ => {}
        }
        Taken::Noticed
    }

    fn begin(&mut self) {
        if self.recording.is_some() {
            return;
        }
        let context = &self.context;
        let recorder = context
            .scratch
            .dir("telemetry")
            .map_err(|error| error.to_string())
            .and_then(|directory| {
                Recorder::create(directory, context.node.as_str()).map_err(|error| describe(&error))
            });
        let recorder = match recorder {
            Ok(recorder) => Arc::new(recorder),
            Err(problem) => return tracing::error!("this node is not sampled: {problem}"),
        };
        let monitoring = &context.plan.monitoring;
        let sampler = Sampler::start(
            Arc::clone(&recorder),
            Arc::clone(&self.throttling),
            monitoring.system_interval.as_std(),
            context.role == Role::Server && monitoring.gpu != GpuMonitoring::None,
        );
        let sampler = sampler.inspect_err(|error| tracing::error!(%error, "this node is not sampled"));
        self.recording = Some(Recording {
            recorder,
            sampler: sampler.ok(),
        });
    }

    /// Why the GPUs that the recipe wants to be sampled are not.
    async fn missing_gpus(&self) -> Option<String> {
        if self.context.plan.monitoring.gpu != GpuMonitoring::Required {
            return None;
        }
        let look = tokio::task::spawn_blocking(|| Gpus::open().err().map(|absent| describe(&absent)));
        let absent = look.await.unwrap_or_else(|error| Some(error.to_string()))?;
        Some(format!("monitoring.gpu is required: {absent}"))
    }

    fn observe(
        &mut self,
        (trial, planned): (&TrialId, Option<TrialPlan>),
        attempt: Attempt,
        endpoints: Vec<(InstanceId, String)>,
    ) {
        let Some(recording) = &self.recording else {
            return;
        };
        let (teller, told) = mpsc::channel(TELLS);
        self.observed = Some((trial.clone(), attempt, teller));
        let observation = Observation {
            context: Arc::clone(&self.context),
            recorder: Arc::clone(&recording.recorder),
            throttling: Arc::clone(&self.throttling),
            trial: trial.clone(),
            attempt,
            planned,
            endpoints,
        };
        actix::spawn(async move {
            if let Err(problem) = catch_future(observation.run(told)).await {
                tracing::error!("{problem}");
            }
        });
    }

    /// Whether it was told.
    fn tell(&self, trial: &TrialId, attempt: Attempt, what: Told) -> bool {
        let observed = self.observed.as_ref();
        let teller = observed.filter(|(observed, number, _)| observed == trial && *number == attempt);
        teller.is_some_and(|(.., teller)| teller.try_send(what).is_ok())
    }

    fn finish_observation(&mut self, trial: &TrialId, attempt: Attempt, cause: Seq) {
        let told = self.tell(trial, attempt, Told::Ended(cause));
        self.observed = None;
        if !told {
            // Nobody has looked; the trial is not held up by that.
            let observed = ServiceObserved {
                trial: trial.clone(),
                attempt,
                node: self.context.node.clone(),
                service: ServiceReport::default(),
            };
            let body = ReportBody::ServiceObserved(observed);
            self.context.outbox.report(Some(cause), body);
        }
    }

    /// Ends it; what comes makes the table, and gives its path below the run directory.
    pub(crate) fn finish(&mut self, epoch: Epoch) -> impl Future<Output = Option<String>> + use<> {
        self.observed = None;
        let recording = self.recording.take();
        let (run_dir, node) = (self.context.run_dir.clone(), self.context.node.clone());
        async move {
            let Recording { recorder, sampler } = recording?;
            let work = tokio::task::spawn_blocking(move || {
                let gpu_absent = sampler.and_then(Sampler::end);
                let path = table_path(&run_dir, node.as_str(), epoch).map_err(|error| error.to_string())?;
                recorder
                    .write_table(&run_dir.join(&path), gpu_absent)
                    .map_err(|error| describe(&error))?;
                Ok::<String, String>(path)
            });
            let made = work.await.unwrap_or_else(|error| Err(error.to_string()));
            made.inspect_err(|problem| tracing::error!("no table of samples: {problem}"))
                .ok()
        }
    }
}
