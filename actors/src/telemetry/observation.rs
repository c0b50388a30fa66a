//! One attempt, as the services of this node see it.

use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use hpcbench_core::event::ServiceObserved;
use hpcbench_core::message::ReportBody;
use hpcbench_core::{Attempt, InstanceId, Seq, TrialId};
use hpcbench_recipes::plan::Window as PlanWindow;
use hpcbench_recipes::{ServicePlan, TrialPlan};
use hpcbench_services::{BaseUrl, find};
use hpcbench_stats::{ServiceReport, ThrottledGpu};
use hpcbench_telemetry::clock::monotonic_ns;
use hpcbench_telemetry::gpu::ThrottleClock;
use hpcbench_telemetry::service::Reading;
use hyper::header::HeaderValue;
use tokio::sync::mpsc;

use super::account::{Account, Window};
use super::recorder::Recorder;
use super::sampler::Throttling;
use super::scrape::{Target, dialect, scrape};
use crate::agent::AgentContext;
use crate::process::{ListenerOwner, listener_owner};
use crate::shell::describe;
use crate::supervisor::{api_key, declared, reset};

/// The shortest time between two looks at a service.
const SHORTEST: Duration = Duration::from_millis(100);
/// How long a service has, after the load, to notice what its clients have given up.
const SETTLING: Duration = Duration::from_secs(2);
/// Time between two looks at a service that has not noticed yet.
const SETTLING_LOOK: Duration = Duration::from_millis(50);

/// What an observation is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The load begins at this time of the node's monotonic clock, nanoseconds.
    Begins(i64),
    /// The load has ended, by this event.
    Ended(Seq),
}

/// How it is told. Dropping it ends the observation without a report.
pub(super) type Teller = mpsc::Sender<Told>;

/// Room for all that an observation is told.
pub(super) const TELLS: usize = 2;

/// What is observed.
pub(super) struct Observation {
    pub(super) context: Arc<AgentContext>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) throttling: Throttling,
    pub(super) trial: TrialId,
    pub(super) attempt: Attempt,
    /// The trial as it is planned; none if the plan does not have it.
    pub(super) planned: Option<TrialPlan>,
    /// This node's instances and their base URLs.
    pub(super) endpoints: Vec<(InstanceId, String)>,
}

impl Observation {
    /// Observes until it is told that the load has ended; then reports.
    pub(super) async fn run(self, mut told: mpsc::Receiver<Told>) {
        let mut window: Option<Window> = None;
        *self.throttling() = None;
        let mut watched: Vec<(Target, Account)> = self
            .targets()
            .into_iter()
            .map(|target| (target, Account::default()))
            .collect();
        if let Some(service) = self.service() {
            let urls: Vec<String> = self.endpoints.iter().map(|(_, url)| url.clone()).collect();
            reset(&self.context, service, &urls).await;
        }
        // At the same time, for the load does not wait for either.
        let first_look = async { (self.look(&watched).await, monotonic_ns()) };
        let ((before, read_by_ns), mut strangers) = join(first_look, self.strangers("before the load")).await;
        for ((_, account), reading) in watched.iter_mut().zip(before) {
            account.before = reading.map(|(_, reading)| (read_by_ns, reading));
        }
        let pause = self
            .context
            .plan
            .monitoring
            .scrape_interval
            .as_std()
            .max(SHORTEST);
        let mut interval = tokio::time::interval(pause);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        interval.reset();
        let cause = loop {
            tokio::select! {
                biased;
                told = told.recv() => match told {
                    Some(Told::Begins(start_ns)) => {
                        window = Some(self.begin(start_ns));
                        for (_, account) in &mut watched {
                            account.begin(start_ns);
                        }
                    }
                    Some(Told::Ended(cause)) => break cause,
                    None => return,
                },
                _ = interval.tick() => {
                    let readings = self.look(&watched).await;
                    for ((_, account), reading) in watched.iter_mut().zip(readings) {
                        if let Some((at_ns, reading)) = reading && window.is_some_and(|window| window.contains(at_ns)) {
                            account.add(&reading);
                        }
                    }
                }
            }
        };
        let after = self.settled(&watched).await;
        let accounts = watched
            .iter()
            .zip(after)
            .map(|((_, account), after)| account.report(after.as_ref().map(|(_, reading)| reading)));
        let mut service = self.together(accounts);
        strangers.extend(self.strangers("after the load").await);
        service.strangers = strangers;
        self.report(cause, service);
    }

    fn report(&self, cause: Seq, service: ServiceReport) {
        let observed = ServiceObserved {
            trial: self.trial.clone(),
            attempt: self.attempt,
            node: self.context.node.clone(),
            service,
        };
        let body = ReportBody::ServiceObserved(observed);
        self.context.outbox.report(Some(cause), body);
    }

    /// The load begins: from here on GPUs are watched.
    fn begin(&self, start_ns: i64) -> Window {
        let window = self.window(start_ns);
        let clock = ThrottleClock::new(window.from_ns, window.until_ns);
        *self.throttling() = Some(clock);
        window
    }

    fn throttling(&self) -> MutexGuard<'_, Option<ThrottleClock>> {
        self.throttling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The window as far as it is known here, where the order comes a little earlier or later than to the clients.
    fn window(&self, start_ns: i64) -> Window {
        let workload = self.planned.as_ref().map(|trial| &trial.workload);
        let warmup = workload.map_or(Duration::ZERO, |workload| workload.warmup.as_std());
        let from_ns = start_ns.saturating_add(nanos(warmup));
        let until_ns = match workload.map(|workload| &workload.window) {
            Some(PlanWindow::Duration(duration)) => Some(from_ns.saturating_add(nanos(duration.as_std()))),
            _ => None,
        };
        Window { from_ns, until_ns }
    }

    /// The configuration of the service that the trial needs.
    fn service(&self) -> Option<&ServicePlan> {
        let trial = self.planned.as_ref()?;
        self.context.plan.services.get(trial.service)
    }

    /// Addresses of this node's instances at which others listen than what this agent has started.
    async fn strangers(&self, when: &'static str) -> Vec<String> {
        let service = self.service();
        // Services that already ran are not ours.
        if service.is_none_or(|service| !service.is_launched()) {
            return Vec::new();
        }
        let endpoints = self.endpoints.clone();
        let look = tokio::task::spawn_blocking(move || {
            endpoints
                .iter()
                .filter_map(|(instance, url)| stranger(instance, url))
                .collect::<Vec<_>>()
        });
        let found = look.await.unwrap_or_default();
        found.into_iter().map(|found| format!("{found} {when}")).collect()
    }

    /// Where the node's instances show their metrics; none where they do not, or where the recipe wants none.
    fn targets(&self) -> Vec<Target> {
        let service = self.service();
        let metrics = service.and_then(|service| find(&service.kind)?.metrics(service));
        let Some(metrics) = metrics.filter(|_| self.context.plan.monitoring.prometheus) else {
            return Vec::new();
        };
        let authorization = service.and_then(|service| self.authorization(service));
        let target = |(instance, url): &(InstanceId, String)| {
            let url = url.parse();
            Some(Target {
                instance: instance.to_string(),
                url: url
                    .inspect_err(|error| tracing::warn!("{}", describe(error)))
                    .ok()?,
                path: metrics.path,
                dialect: dialect(metrics.dialect),
                authorization: authorization.clone(),
            })
        };
        self.endpoints.iter().filter_map(target).collect()
    }

    /// What proves to the node's instances that we may ask.
    fn authorization(&self, service: &ServicePlan) -> Option<HeaderValue> {
        let key = declared(&self.context, service).and_then(|endpoints| {
            let key = endpoints.into_iter().find_map(|endpoint| endpoint.api_key);
            key.map(|key| api_key(&self.context, service, &key)).transpose()
        });
        let key = key
            .inspect_err(|error| tracing::warn!("no API key: {error}"))
            .ok()??;
        let mut value = HeaderValue::try_from(format!("Bearer {key}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// A look at all of them at once.
    async fn look(&self, watched: &[(Target, Account)]) -> Vec<Option<(i64, Reading)>> {
        let looks = watched.iter().map(|(target, _)| async {
            let looked = scrape(target, &self.recorder).await;
            looked
                .inspect_err(|error| tracing::warn!(instance = target.instance, "{}", describe(error)))
                .ok()
        });
        join_all(looks).await
    }

    /// A look at all of them when they have noticed the end of what was cancelled with the load: until then they do not
    /// count it.
    async fn settled(&self, watched: &[(Target, Account)]) -> Vec<Option<(i64, Reading)>> {
        let deadline = Instant::now() + SETTLING;
        loop {
            let readings = self.look(watched).await;
            let is_busy = readings
                .iter()
                .flatten()
                .any(|(_, reading)| reading.under_way() > 0.0);
            if !is_busy || Instant::now() >= deadline {
                return readings;
            }
            tokio::time::sleep(SETTLING_LOOK).await;
        }
    }

    fn together(&self, accounts: impl ExactSizeIterator<Item = ServiceReport>) -> ServiceReport {
        // An instance that shows nothing hides what the others show; a node without any endpoint hides nothing.
        let all_show = accounts.len() == self.endpoints.len();
        let mut service = if all_show {
            ServiceReport::of_no_instance()
        } else {
            ServiceReport::default()
        };
        for account in accounts {
            service.merge(&account);
        }
        let clock = self.throttling().take();
        service.throttled = clock
            .iter()
            .flat_map(ThrottleClock::held)
            .map(|(gpu, throttled_ns)| ThrottledGpu {
                node: self.context.node.to_string(),
                gpu,
                throttled_ns,
            })
            .collect();
        service
    }
}

/// What is wrong with who listens at an instance's address, if anything is. What cannot be told is no accusation.
fn stranger(instance: &InstanceId, url: &str) -> Option<String> {
    let url: BaseUrl = url.parse().ok()?;
    let address = SocketAddr::new(url.host().parse().ok()?, url.port());
    match listener_owner(address) {
        ListenerOwner::Stranger => Some(format!("at {address} of {instance} another process listened")),
        ListenerOwner::Nobody => Some(format!("at {address} of {instance} nobody listened")),
        ListenerOwner::Own | ListenerOwner::Unknown => None,
    }
}

pub(super) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
