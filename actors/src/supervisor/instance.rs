//! One start of one instance, from the command to its end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hpcbench_core::event::{ServiceExited, ServiceFailed, ServiceImage, ServiceLaunched, ServiceReady};
use hpcbench_core::message::ReportBody;
use hpcbench_core::{InstanceId, LogCategory, Seq};
use hpcbench_recipes::ServicePlan;
use hpcbench_recipes::recipe::LaunchMode;
use hpcbench_services::{
    LaunchCommand, LaunchContext, Probe, ProbeResult, Readiness, Service, ServiceEndpoint, Start, find,
};
use nix::sys::signal::Signal;
use tokio::sync::watch;

use super::address::free_port;
use super::container::contain;
use super::environment::{environment, secrets};
use super::model::staged;
use super::probe::Server;
use super::share::{InstanceShare, number, share};
use crate::agent::AgentContext;
use crate::log_collector::{LogSource, log_tail};
use crate::process::{Child, ChildSpec, Guarding};
use crate::shell::{describe, private_dir, private_file};
use crate::tls::connector;

/// How long the list of models may take.
const LIST_PATIENCE: Duration = Duration::from_secs(5);
/// Lines of its log that the end of a service shows.
const TAIL_LINES: usize = 20;
/// Longest pause between two probes while a service starts: the first ones come at short distances, so that a quick service is
/// noticed quickly.
const FIRST_PROBE: Duration = Duration::from_millis(20);

/// One start of one instance.
pub(super) struct Instance {
    pub(super) context: Arc<AgentContext>,
    pub(super) service: usize,
    pub(super) id: InstanceId,
    pub(super) launch: u32,
    pub(super) cause: Seq,
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
pub(super) async fn supervise(instance: Instance, mut stop: watch::Receiver<Option<Seq>>) {
    let Some(plan) = instance.context.plan.services.get(instance.service).cloned() else {
        return instance.fail("the plan has no such service");
    };
    let Some(service) = find(plan.kind) else {
        return instance.fail(format!("this build has no service {}", plan.kind));
    };
    let launched = match instance.begin(service, &plan).await {
        Ok(launched) => launched,
        Err(reason) => return instance.fail(reason),
    };
    let Launched {
        child,
        endpoints,
        since,
    } = launched;
    let readiness = match service.readiness(&plan) {
        Ok(readiness) => readiness,
        Err(error) => return instance.fail(describe(&error)),
    };
    let watched = async {
        let keys = secrets(&plan.secrets).map_err(|error| describe(&error));
        let probing = match keys {
            Ok(keys) => instance.probe(&plan, &readiness, &endpoints, &keys, since).await,
            Err(reason) => Err(reason),
        };
        match probing {
            Ok(ready) => instance.report(ReportBody::ServiceReady(ready)),
            Err(reason) => return End::Failed(reason),
        }
        // Ready: from here on only its end is news.
        std::future::pending().await
    };
    let end = tokio::select! {
        end = watched => end,
        exit = exit_of(child.as_ref()) => End::Exited(exit),
        cause = asked(&mut stop) => End::Asked(cause),
    };
    instance.conclude(end, child, service.stop().grace).await;
}

struct Launched {
    /// None for a service that already ran.
    child: Option<Child>,
    endpoints: Vec<ServiceEndpoint>,
    since: Instant,
}

async fn exit_of(child: Option<&Child>) -> String {
    match child {
        Some(child) => child.ended().await.to_string(),
        None => std::future::pending().await,
    }
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
    fn report(&self, body: ReportBody) {
        self.context.outbox.report(Some(self.cause), body);
    }

    fn fail(&self, reason: impl Into<String>) {
        self.fail_with(reason.into(), self.tail());
    }

    fn fail_with(&self, reason: String, log_tail: Vec<String>) {
        let failed = ServiceFailed {
            instance: self.id.clone(),
            launch: self.launch,
            reason,
            log_tail,
        };
        self.report(ReportBody::ServiceFailed(failed));
    }

    fn log_path(&self, stream: &str) -> PathBuf {
        self.context
            .scratch
            .path()
            .join(format!("{}-{}.{stream}", self.id, self.launch))
    }

    /// The last lines of standard error, then of standard output: most servers put the reason for their end into the former.
    fn tail(&self) -> Vec<String> {
        let mut lines = log_tail(&self.log_path("stdout"), TAIL_LINES);
        lines.extend(log_tail(&self.log_path("stderr"), TAIL_LINES));
        lines.split_off(lines.len().saturating_sub(TAIL_LINES))
    }

    async fn begin(&self, service: &dyn Service, plan: &ServicePlan) -> Result<Launched, String> {
        let address = self.context.address.address;
        let port = free_port(address).map_err(|error| format!("no free port can be had: {error}"))?;
        let scratch = self.context.scratch.dir(self.id.as_str());
        let number = number(&self.id, &self.context.node, plan.instances_per_node);
        let context = LaunchContext {
            host: address,
            port,
            hpcbench_exe: self.context.spawner.hpcbench().to_path_buf(),
            run_dir: self.context.spawner.run_dir().to_path_buf(),
            scratch: scratch.map_err(|error| format!("failed to create its directory: {error}"))?,
            instance: number,
        };
        let endpoints = service
            .endpoints(plan, &context)
            .map_err(|error| describe(&error))?;
        let since = Instant::now();
        let plan = &staged(&self.context, plan).await?;
        let child = match service.start(plan, &context).map_err(|error| describe(&error))? {
            Start::External => None,
            Start::Launch(mut command) => {
                let servers = &self.context.plan.resources.servers;
                let share = share(servers, &self.context.resources, number, plan.instances_per_node);
                self.give(&mut command, &share, &context.scratch)?;
                let (command, image) = contain(&self.context, plan, &context.scratch, command).await?;
                Some(
                    self.spawn(&command, image, share.cpus, service.stop().grace)
                        .await?,
                )
            }
        };
        Ok(Launched {
            child,
            endpoints,
            since,
        })
    }

    /// Keeps instances apart: each has its own GPUs, and its own home wherever another one may be on its node.
    fn give(&self, command: &mut LaunchCommand, share: &InstanceShare, scratch: &Path) -> Result<(), String> {
        let plan = &self.context.plan;
        if let Some(gpus) = &share.gpus {
            let visible = gpus.join(",").into();
            command
                .environment
                .insert("CUDA_VISIBLE_DEVICES".to_owned(), visible);
        }
        let servers = &plan.resources.servers;
        let is_alone = plan.launch.mode == LaunchMode::Local
            && servers.count.get() == 1
            && servers.instances_per_node.get() == 1;
        if !is_alone && !command.environment.contains_key("HOME") {
            let home = scratch.join("home");
            private_dir(&home).map_err(|error| format!("failed to create its home: {error}"))?;
            command.environment.insert("HOME".to_owned(), home.into());
        }
        Ok(())
    }

    async fn spawn(
        &self,
        command: &LaunchCommand,
        image: Option<ServiceImage>,
        cpus: Vec<usize>,
        grace: Duration,
    ) -> Result<Child, String> {
        let env = environment(command).map_err(|error| describe(&error))?;
        let log = |stream: &'static str| {
            let path = self.log_path(stream);
            let file =
                private_file(&path).map_err(|error| format!("failed to create {}: {error}", path.display()));
            self.context.sources.add(LogSource {
                path,
                category: LogCategory::Application,
                component: self.id.to_string(),
                stream,
                correlation: format!("service/{}", self.id),
            });
            file
        };
        let spec = ChildSpec {
            program: command.program.clone(),
            args: command.arguments.clone(),
            env,
            inherit_env: false,
            greeting: Vec::new(),
            stdout: Some(log("stdout")?),
            stderr: Some(log("stderr")?),
        };
        let guarding = Guarding {
            grace_seconds: u32::try_from(grace.as_secs()).unwrap_or(u32::MAX),
            cpus,
        };
        let child = self.context.spawner.spawn_guarded(spec, guarding).await;
        let child = child.map_err(|error| describe(&error))?;
        let words =
            std::iter::once(command.program.as_os_str()).chain(command.arguments.iter().map(AsRef::as_ref));
        let launched = ServiceLaunched {
            instance: self.id.clone(),
            launch: self.launch,
            pid: Some(child.pid()),
            command: words
                .map(|word: &std::ffi::OsStr| word.to_string_lossy().into_owned())
                .collect(),
            image,
        };
        self.report(ReportBody::ServiceLaunched(launched));
        Ok(child)
    }

    /// Asks every endpoint until all are ready.
    async fn probe(
        &self,
        plan: &ServicePlan,
        readiness: &Readiness,
        endpoints: &[ServiceEndpoint],
        keys: &BTreeMap<String, String>,
        since: Instant,
    ) -> Result<ServiceReady, String> {
        let timeout = plan.health.timeout.as_std();
        let mut pause = FIRST_PROBE.min(plan.health.interval.as_std());
        let mut first = None;
        for endpoint in endpoints {
            let server = server(endpoint, keys).await?;
            while let Err(last) =
                ask(&readiness.probe, &server, timeout.saturating_sub(since.elapsed())).await?
            {
                let left = timeout.saturating_sub(since.elapsed());
                if left.is_zero() {
                    let seconds = timeout.as_secs_f64();
                    return Err(format!("it did not become healthy within {seconds} s: {last}"));
                }
                tokio::time::sleep(pause.min(left)).await;
                pause = (pause * 2).min(plan.health.interval.as_std());
            }
            first.get_or_insert(server);
        }
        let seconds = since.elapsed().as_secs_f64();
        let models = match &first {
            Some(first) => self.models(plan, readiness, first).await?,
            None => Vec::new(),
        };
        Ok(ServiceReady {
            instance: self.id.clone(),
            launch: self.launch,
            endpoints: endpoints
                .iter()
                .map(|endpoint| endpoint.url.to_string())
                .collect(),
            seconds,
            models,
        })
    }

    /// The models that a service says it has; a list without the wanted one is an error.
    async fn models(
        &self,
        plan: &ServicePlan,
        readiness: &Readiness,
        server: &Server<'_>,
    ) -> Result<Vec<String>, String> {
        let Some(list) = &readiness.models else {
            return Ok(Vec::new());
        };
        let names = match server.get(&list.path, LIST_PATIENCE).await {
            Ok((200, body)) => list.names(&body).unwrap_or_default(),
            // Not every server has such a list.
            _ => Vec::new(),
        };
        if list.is_complete && !names.is_empty() && !names.contains(&plan.model) {
            let names = names.join(", ");
            return Err(format!(
                "{} has no model {:?}, only {names}",
                server.url, plan.model
            ));
        }
        Ok(names)
    }

    async fn conclude(&self, end: End, child: Option<Child>, grace: Duration) {
        self.end_as_it_was(end, child, grace).await;
        // A guard that was killed could not end what the service had started.
        self.context.spawner.sweep();
    }

    async fn end_as_it_was(&self, end: End, child: Option<Child>, grace: Duration) {
        let exited = |how: String, expected: bool| {
            ReportBody::ServiceExited(ServiceExited {
                instance: self.id.clone(),
                launch: self.launch,
                how,
                expected,
                log_tail: if expected { Vec::new() } else { self.tail() },
            })
        };
        match end {
            End::Exited(how) => self.report(exited(how, false)),
            End::Failed(reason) => {
                // What it said until now; it may be started again as soon as its failure is known, so it ends before that.
                let log_tail = self.tail();
                if let Some(child) = child {
                    stop(&child, grace).await;
                }
                self.fail_with(reason, log_tail);
            }
            End::Asked(cause) => {
                let how = match child {
                    Some(child) => stop(&child, grace).await,
                    None => "none: it was not started by this run".to_owned(),
                };
                self.context.outbox.report(Some(cause), exited(how, true));
            }
        }
    }
}

/// An endpoint as it is asked.
async fn server<'a>(
    endpoint: &'a ServiceEndpoint,
    keys: &'a BTreeMap<String, String>,
) -> Result<Server<'a>, String> {
    let key = endpoint.api_key.as_ref().and_then(|name| keys.get(name));
    Ok(Server {
        url: &endpoint.url,
        key: key.map(String::as_str),
        tls: connector(endpoint).await?,
    })
}

/// Whether the service is ready; the inner error says why not yet, the outer one why never.
async fn ask(probe: &Probe, server: &Server<'_>, patience: Duration) -> Result<Result<(), String>, String> {
    Ok(match server.get(&probe.path, patience).await {
        Ok((status, _)) => match probe.judge(status) {
            ProbeResult::Ready => Ok(()),
            ProbeResult::NotYet => Err(format!("{} answers with status {status}", server.url)),
            ProbeResult::Hopeless(reason) => return Err(reason.to_owned()),
        },
        Err(error) if error.is_final() => return Err(describe(&error)),
        Err(error) => Err(describe(&error)),
    })
}

/// Ends a service by its guard, which knows how long to be patient.
async fn stop(child: &Child, grace: Duration) -> String {
    const MARGIN: Duration = Duration::from_secs(3);
    child.signal(Signal::SIGTERM);
    if let Ok(exit) = tokio::time::timeout(grace + MARGIN, child.ended()).await {
        return exit.to_string();
    }
    child.signal(Signal::SIGKILL);
    child.ended().await.to_string()
}
