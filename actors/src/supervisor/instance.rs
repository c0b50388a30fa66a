//! One start of one instance, from the command to its end.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hpcbench_core::event::{ServiceExited, ServiceFailed, ServiceRank, ServiceReady};
use hpcbench_core::message::ReportBody;
use hpcbench_core::{InstanceId, Seq};
use hpcbench_recipes::ServicePlan;
use hpcbench_services::{Service, StopPolicy, find};
use tokio::sync::watch;

use super::keys::Tokens;
use super::last_words::LastWords;
use super::processes::{Part, Processes};
use super::remarks;
use super::short_path::ShortPath;
use super::start::Started;
use crate::agent::AgentContext;

/// What a process prints to.
const STREAMS: [&str; 2] = ["stdout", "stderr"];

/// What is to be started.
pub(super) struct Order {
    pub(super) service: usize,
    pub(super) id: InstanceId,
    pub(super) launch: u32,
    /// Which of the instance's processes; none: it has one.
    pub(super) rank: Option<ServiceRank>,
    /// The event that asks for it.
    pub(super) cause: Seq,
}

/// One start of one instance, or of one of its processes.
pub(super) struct Instance {
    pub(super) context: Arc<AgentContext>,
    pub(super) order: Order,
    pub(super) plan: ServicePlan,
    pub(super) service: &'static dyn Service,
    pub(super) processes: Processes,
    /// The short path to its directory, if it has one.
    pub(super) short_path: Mutex<Option<ShortPath>>,
}

/// How watching an instance ended.
enum End {
    /// It was asked to stop, by this event.
    Asked(Seq),
    /// Its process ended.
    Exited(String),
    /// It did not become ready.
    Failed(String),
}

/// Starts an instance and watches it until its end; everything that happens is reported.
pub(super) async fn supervise(
    context: Arc<AgentContext>,
    order: Order,
    mut stop: watch::Receiver<Option<Seq>>,
) {
    let plan = context.plan.services.get(order.service).cloned();
    let plan = plan.ok_or_else(|| "the plan has no such service".to_owned());
    let found = plan.and_then(|plan| match find(&plan.kind) {
        Some(service) => Ok((plan, service)),
        None => Err(format!("this build has no service {}", plan.kind)),
    });
    match found {
        Ok((plan, service)) => {
            let head = order.rank.as_ref().map_or(&order.id, |rank| &rank.head);
            let tokens = Tokens::new(&context.service_secret, head);
            let processes = Processes::new(Arc::clone(&context), order.id.clone(), order.launch, tokens);
            let instance = Instance {
                short_path: Mutex::new(None),
                context,
                order,
                plan,
                service,
                processes,
            };
            let end = tokio::select! {
                end = instance.live() => end,
                cause = asked(&mut stop) => End::Asked(cause),
            };
            instance.conclude(end).await;
        }
        Err(reason) => {
            let failed = failed(&order, reason, Vec::new());
            context.outbox.report(Some(order.cause), failed);
        }
    }
}

fn failed(order: &Order, reason: String, log_tail: Vec<String>) -> ReportBody {
    ReportBody::ServiceFailed(ServiceFailed {
        instance: order.id.clone(),
        launch: order.launch,
        reason,
        log_tail,
    })
}

async fn asked(stop: &mut watch::Receiver<Option<Seq>>) -> Seq {
    loop {
        if let Some(cause) = *stop.borrow_and_update() {
            return cause;
        }
        if stop.changed().await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }
}

impl Instance {
    pub(super) fn report(&self, body: ReportBody) {
        self.context.outbox.report(Some(self.order.cause), body);
    }

    /// From the start to an end that nobody has asked for.
    async fn live(&self) -> End {
        let started = match Box::pin(self.begin()).await {
            Ok(started) => started,
            Err(reason) => return End::Failed(reason),
        };
        tokio::select! {
            reason = self.serve(started) => End::Failed(reason),
            how = self.processes.any_ended() => End::Exited(how),
        }
    }

    /// Waits until it is ready; from then on only its end or its silence is news. Returns why it is of no use.
    async fn serve(&self, started: Started) -> String {
        let is_head = self.order.rank.as_ref().is_none_or(|rank| rank.index == 0);
        // Whether another process does its part, only the first one can tell.
        if is_head {
            let (endpoints, remarks) = (started.endpoints.clone(), started.remarks.clone());
            match Box::pin(self.become_ready(started)).await {
                Ok(mut ready) => {
                    // What was seen before it was started comes first.
                    ready.remarks.splice(0..0, remarks);
                    self.report(ReportBody::ServiceReady(ready));
                }
                Err(reason) => return reason,
            }
            // What already ran is not ours to start again.
            if self.processes.are_any() {
                return Box::pin(self.watch(&endpoints)).await;
            }
        }
        std::future::pending().await
    }

    async fn become_ready(&self, started: Started) -> Result<ServiceReady, String> {
        let Started {
            endpoints,
            since,
            outfit,
            rest,
            ..
        } = started;
        if let Some(rest) = rest {
            self.go_on(&rest, since).await?;
        }
        let mut ready = self.until_ready(&endpoints, since).await?;
        ready.outfit_seconds = outfit.map(|outfit| outfit.as_secs_f64());
        ready.remarks.extend(self.remarks());
        for remark in &ready.remarks {
            tracing::warn!(instance = %self.order.id, "{remark}");
        }
        Ok(ready)
    }

    /// What is to be known of it, by its log, now that it is ready.
    fn remarks(&self) -> Vec<String> {
        if self.order.rank.as_ref().is_none_or(|rank| rank.of.get() == 1) {
            return Vec::new();
        }
        let logs = self.logs();
        remarks::on_several_nodes(logs.iter().map(PathBuf::as_path))
    }

    /// How long its model took to load, by its log.
    pub(super) fn told_load_seconds(&self) -> Option<f64> {
        let logs = self.logs();
        let told = |line: &str| self.service.load_seconds(line);
        remarks::load_seconds(logs.iter().map(PathBuf::as_path), told)
    }

    /// What its processes said last.
    fn last_words(&self) -> LastWords {
        let [output, errors] = STREAMS.map(|stream| self.logs_of(stream));
        let words = LastWords::read(self.service, &output, &errors);
        if let Some(found) = &words.diagnosis {
            tracing::warn!(
                instance = %self.order.id, evidence = found.evidence, "the service failed: {found}"
            );
        }
        words
    }

    /// Where its processes print to.
    fn logs(&self) -> Vec<PathBuf> {
        STREAMS.iter().flat_map(|stream| self.logs_of(stream)).collect()
    }

    fn logs_of(&self, stream: &str) -> [PathBuf; 2] {
        [Part::Cluster, Part::Service].map(|part| self.processes.log_path(part, stream))
    }

    async fn conclude(&self, end: End) {
        let policy = self.service.stop();
        match end {
            End::Exited(how) => {
                let LastWords { diagnosis, shown } = self.last_words();
                // What is left of it is of no use, and is not to be in the way of its next start.
                self.processes.stop(policy).await;
                let diagnosis = diagnosis.map(|found| found.to_string());
                self.report(self.exited(how, false, diagnosis, shown));
            }
            End::Failed(reason) => self.fail(reason, policy).await,
            End::Asked(cause) => {
                let how = self.processes.stop(policy).await;
                let how = how.unwrap_or_else(|| "none: it was not started by this run".to_owned());
                let exited = self.exited(how, true, None, Vec::new());
                self.context.outbox.report(Some(cause), exited);
            }
        }
        // A guard that was killed could not end what the service had started.
        self.context.spawner.sweep();
    }

    async fn fail(&self, reason: String, policy: StopPolicy) {
        // What it said until now; it may be started again as soon as its failure is known, so it ends before that.
        let LastWords { diagnosis, shown } = self.last_words();
        let reason = match diagnosis {
            Some(diagnosis) => format!("{reason}: {diagnosis}"),
            None => reason,
        };
        self.processes.stop(policy).await;
        self.report(failed(&self.order, reason, shown));
    }

    fn exited(
        &self,
        how: String,
        expected: bool,
        diagnosis: Option<String>,
        log_tail: Vec<String>,
    ) -> ReportBody {
        ReportBody::ServiceExited(ServiceExited {
            instance: self.order.id.clone(),
            launch: self.order.launch,
            how,
            expected,
            diagnosis,
            log_tail,
        })
    }
}
