//! Waiting until a service is ready: it answers, has its model, has loaded it, and has made its first token.

use std::time::{Duration, Instant};

use hpcbench_core::event::ServiceReady;
use hpcbench_services::{FirstRequest, ModelList, Probe, ProbeResult, Readiness, ServiceEndpoint, Warmup};

use super::instance::Instance;
use super::probe::{Server, server};
use crate::shell::describe;

/// How long the list of models may take.
const LIST_PATIENCE: Duration = Duration::from_secs(5);
/// How often a list that has to be there is asked for.
const LIST_TRIES: u32 = 5;
/// Time between two such tries.
const LIST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two probes while a service starts: the first ones come at short distances, so that a quick service is
/// noticed quickly.
const FIRST_PROBE: Duration = Duration::from_millis(20);
/// The status of a server that cannot answer for now: `Service Unavailable`.
const BUSY: u16 = 503;
/// Most of a refusal that is shown.
const MAX_SHOWN_CHARS: usize = 300;

/// The endpoints of an instance, and how long there is to wait for them.
struct Waiting<'a> {
    instance: &'a Instance,
    timeout: Duration,
    since: Instant,
}

impl Instance {
    /// Asks every endpoint until all are ready.
    pub(super) async fn until_ready(
        &self,
        endpoints: &[ServiceEndpoint],
        since: Instant,
    ) -> Result<ServiceReady, String> {
        let plan = &self.plan;
        let readiness = self.service.readiness(plan).map_err(|error| describe(&error))?;
        let servers = self.servers(endpoints).await?;
        let waiting = Waiting {
            instance: self,
            timeout: plan.health.timeout.as_std(),
            since,
        };
        let busy_seconds = waiting.until_healthy(&readiness.probe, &servers).await?;
        let seconds = since.elapsed().as_secs_f64();
        let models = match servers.first() {
            Some(first) => waiting.models(&readiness, first).await?,
            None => Vec::new(),
        };
        let mut remarks = Vec::new();
        let load_seconds = match self.service.warmup(plan) {
            Some(warmup) => Some(waiting.load(&warmup, &servers, &mut remarks).await?),
            None => self.told_load_seconds().or(busy_seconds),
        };
        let first_token_seconds = match self.service.first_request(plan) {
            Some(request) => waiting.first_token(&request, &servers, &mut remarks).await?,
            None => None,
        };
        Ok(ServiceReady {
            instance: self.order.id.clone(),
            launch: self.order.launch,
            endpoints: endpoints
                .iter()
                .map(|endpoint| endpoint.url.to_string())
                .collect(),
            seconds,
            models,
            outfit_seconds: None,
            load_seconds,
            first_token_seconds,
            remarks,
        })
    }

    /// The endpoints as they are asked.
    pub(super) async fn servers<'a>(
        &self,
        endpoints: &'a [ServiceEndpoint],
    ) -> Result<Vec<Server<'a>>, String> {
        let mut servers = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            servers.push(server(&self.context, &self.plan, endpoint).await?);
        }
        Ok(servers)
    }
}

impl Waiting<'_> {
    fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.since.elapsed())
    }

    /// Asks until all are healthy; returns the seconds in which they answered that they are busy, if any did: what a server does then
    /// is to load its model.
    async fn until_healthy(&self, probe: &Probe, servers: &[Server<'_>]) -> Result<Option<f64>, String> {
        let interval = self.instance.plan.health.interval.as_std();
        let mut pause = FIRST_PROBE.min(interval);
        let mut busy_since = None;
        for server in servers {
            while let Err(NotYet { last, is_busy }) = ask(probe, server, self.left()).await? {
                if is_busy {
                    busy_since.get_or_insert_with(Instant::now);
                }
                let left = self.left();
                if left.is_zero() {
                    let seconds = self.timeout.as_secs_f64();
                    return Err(format!("it did not become healthy within {seconds} s: {last}"));
                }
                tokio::time::sleep(pause.min(left)).await;
                pause = (pause * 2).min(interval);
            }
        }
        Ok(busy_since.map(|since: Instant| since.elapsed().as_secs_f64()))
    }

    /// The models that a service says it has; a list without the wanted one is an error.
    async fn models(&self, readiness: &Readiness, server: &Server<'_>) -> Result<Vec<String>, String> {
        let Some(list) = &readiness.models else {
            return Ok(Vec::new());
        };
        let names = match self.names(list, server).await {
            Ok(names) => names,
            // Not every server has such a list.
            Err(_) if !list.is_complete => return Ok(Vec::new()),
            Err(problem) => {
                let url = server.url;
                return Err(format!("{url} does not say which models it has: {problem}"));
            }
        };
        let plan = &self.instance.plan;
        if !list.lacks(&names, &plan.model) {
            return Ok(names);
        }
        let has = if names.is_empty() {
            "and no other".to_owned()
        } else {
            format!("only {}", names.join(", "))
        };
        Err(format!(
            "{} has no model {:?}, {has}: {}",
            server.url,
            plan.model,
            self.instance.service.missing_model(plan)
        ))
    }

    /// The names in a list; one that has to be there may need a moment.
    async fn names(&self, list: &ModelList, server: &Server<'_>) -> Result<Vec<String>, String> {
        let tries = if list.is_complete { LIST_TRIES } else { 1 };
        let mut last = String::new();
        for number in 1..=tries {
            let answer = server.get(&list.path, LIST_PATIENCE).await;
            last = match answer {
                Ok((200, body)) => match list.names(&body) {
                    Ok(names) => return Ok(names),
                    Err(error) => describe(&error),
                },
                Ok((status, _)) => format!("{} answers with status {status}", list.path),
                Err(error) => describe(&error),
            };
            if number < tries {
                tokio::time::sleep(LIST_PAUSE).await;
            }
        }
        Err(last)
    }

    /// Has every endpoint load the model, and says how long that took.
    async fn load(
        &self,
        warmup: &Warmup,
        servers: &[Server<'_>],
        remarks: &mut Vec<String>,
    ) -> Result<f64, String> {
        let began = Instant::now();
        for server in servers {
            let what = format!("load {:?}", warmup.model);
            self.send(&what, warmup.path, &warmup.body, server).await??;
            let listed = server.get(warmup.loaded_path, LIST_PATIENCE);
            let (_, body) = listed.await.map_err(|error| describe(&error))?;
            let loaded = warmup.loaded(&body).map_err(|error| describe(&error))?;
            let Some(loaded) = loaded else {
                return Err(format!(
                    "{} has not loaded {:?} though it was asked to",
                    server.url, warmup.model
                ));
            };
            let (bytes, gpu_bytes) = (loaded.bytes, loaded.gpu_bytes);
            tracing::info!(bytes, gpu_bytes, "{} has loaded {}", server.url, warmup.model);
            if !self.instance.context.resources.gpus.is_empty() {
                remarks.extend(loaded.remark(&warmup.model));
            }
        }
        Ok(began.elapsed().as_secs_f64())
    }

    /// Seconds to the first token of the endpoint that took longest; none: not all of them have answered.
    async fn first_token(
        &self,
        request: &FirstRequest,
        servers: &[Server<'_>],
        remarks: &mut Vec<String>,
    ) -> Result<Option<f64>, String> {
        let mut longest = Some(0.0_f64);
        for server in servers {
            let began = Instant::now();
            let sent = self.send("answer its first request", request.path, &request.body, server);
            match sent.await? {
                Ok(()) => longest = longest.map(|longest| longest.max(began.elapsed().as_secs_f64())),
                Err(refusal) if request.is_vital => return Err(refusal),
                Err(refusal) => {
                    remarks.push(refusal);
                    longest = None;
                }
            }
        }
        Ok(longest)
    }

    /// Sends a request; the inner error is a refusal.
    async fn send(
        &self,
        what: &str,
        path: &str,
        body: &serde_json::Value,
        server: &Server<'_>,
    ) -> Result<Result<(), String>, String> {
        let answer = server.post(path, body, self.left()).await;
        let (status, body) = answer.map_err(|error| format!("it did not {what}: {}", describe(&error)))?;
        if (200..300).contains(&status) {
            return Ok(Ok(()));
        }
        let said = String::from_utf8_lossy(&body);
        let said: String = said.trim().chars().take(MAX_SHOWN_CHARS).collect();
        Ok(Err(format!(
            "it did not {what}: {} answers {path} with status {status}: {said}",
            server.url
        )))
    }
}

/// Why a service is not ready yet.
pub(super) struct NotYet {
    /// What was met last.
    pub(super) last: String,
    /// Whether it has answered that it is busy, as servers do that load a model.
    is_busy: bool,
}

/// Whether the service is ready; the inner error says why not yet, the outer one why never.
pub(super) async fn ask(
    probe: &Probe,
    server: &Server<'_>,
    patience: Duration,
) -> Result<Result<(), NotYet>, String> {
    Ok(match server.get(&probe.path, patience).await {
        Ok((status, _)) => match probe.judge(status) {
            ProbeResult::Ready => Ok(()),
            ProbeResult::NotYet => Err(NotYet {
                last: format!("{} answers with status {status}", server.url),
                is_busy: status == BUSY,
            }),
            ProbeResult::Hopeless(reason) => return Err(reason.to_owned()),
        },
        Err(error) if error.is_final() => return Err(describe(&error)),
        Err(error) => Err(NotYet {
            last: describe(&error),
            is_busy: false,
        }),
    })
}
