//! One attempt's load on this node: getting ready, running, handing in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hpcbench_core::event::{ShareFiles, ShareReported};
use hpcbench_core::message::{Progress, ReportBody};
use hpcbench_core::{Attempt, NodeId, Seq, TrialId};
use hpcbench_load::{ClientShare, Prepared, Running, Secret, prepare};
use hpcbench_recipes::plan::{SearchPoint, Window};
use hpcbench_recipes::recipe::LaunchMode;
use hpcbench_recipes::{ServicePlan, TrialPlan};
use hpcbench_services::Trust;

use super::probe::resolve;
use super::share::{ShareOf, keep, set_aside};
use super::spec::{Share, endpoint, load_spec};
use crate::agent::AgentContext;
use crate::expectations::expectations;
use crate::shell::describe;
use crate::supervisor::{api_key, declared};

/// How often a running load is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How often its progress is published; heartbeats carry it on.
const PUBLISH: Duration = Duration::from_millis(250);

/// Which attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) trial: TrialId,
    pub(super) attempt: Attempt,
}

/// What a client is told of an attempt.
pub(super) struct Part {
    /// Where the trial is one of a search: its level and repetition.
    pub(super) point: Option<SearchPoint>,
    /// All clients that take part, in the order in which they split the load.
    pub(super) clients: Vec<NodeId>,
    /// Base URLs.
    pub(super) urls: Vec<String>,
}

/// A load that can begin.
pub(super) struct Ready {
    pub(super) prepared: Prepared,
    pub(super) trial: TrialPlan,
}

/// Gets an attempt's load ready. Nothing has been sent by then.
pub(super) async fn get_ready(context: Arc<AgentContext>, key: Key, part: Part) -> Result<Ready, String> {
    let Part { point, clients, urls } = part;
    let trial = context.plan.trial(&key.trial, point);
    let trial = trial.ok_or_else(|| format!("the plan has no trial {}", key.trial))?;
    let service = context.plan.services.get(trial.service).cloned();
    let service: ServicePlan = service.ok_or("the plan has no such service")?;
    let index = clients.iter().position(|client| *client == context.node);
    let index = index.ok_or("this node takes no part in the attempt")?;
    let client = ClientShare {
        index: index as u32,
        count: clients.len() as u32,
    };
    let Access { secret, trust } = access(&context, &service)?;
    let mut endpoints = Vec::with_capacity(urls.len());
    for url in &urls {
        let (base, address) = resolve(url).await?;
        endpoints.push(endpoint(&base, address, secret.as_ref().map(|_| 0), &trust));
    }
    let scratch = context
        .scratch
        .dir(&format!("records-{}-{}-{}", key.trial, key.attempt, context.node));
    let scratch = scratch.map_err(|error| format!("failed to create a directory for records: {error}"))?;
    let node = context.node.clone();
    let local = context.plan.launch.mode == LaunchMode::Local;
    let agents = context.plan.resources.clients.agents_per_node;
    let share = Share {
        node,
        attempt: key.attempt,
        client,
        clients_on_host: if local {
            client.count
        } else {
            agents.get().min(client.count)
        },
        endpoints,
        model: service.model.clone(),
        scratch,
        local,
    };
    let spec = load_spec(&trial, share)?;
    let work = tokio::task::spawn_blocking(move || {
        let secrets: Vec<Secret> = secret.into_iter().collect();
        prepare(spec, &secrets).map_err(|error| describe(&error))
    });
    let prepared = work.await.map_err(|error| error.to_string())??;
    Ok(Ready { prepared, trial })
}

/// What it takes to ask a service.
#[derive(Default)]
struct Access {
    /// The API key that its endpoints ask for, if they do.
    secret: Option<Secret>,
    trust: Trust,
}

fn access(context: &AgentContext, plan: &ServicePlan) -> Result<Access, String> {
    let Some(endpoint) = declared(context, plan)?.into_iter().next() else {
        return Ok(Access::default());
    };
    let key = endpoint.api_key.as_ref();
    let key = key.map(|key| api_key(context, plan, key)).transpose()?;
    Ok(Access {
        secret: key.map(Secret::new),
        trust: endpoint.trust,
    })
}

/// Hands in a share.
pub(super) fn report_share(
    context: &AgentContext,
    key: &Key,
    files: Option<ShareFiles>,
    problem: Option<String>,
    cause: Seq,
) {
    let share = ShareReported {
        trial: key.trial.clone(),
        attempt: key.attempt,
        node: context.node.clone(),
        files,
        problem,
    };
    context.outbox.report(Some(cause), ReportBody::Share(share));
}

/// What becomes of a load.
pub(super) struct Kept {
    /// What it measured, if anything could be kept.
    pub(super) files: Option<ShareFiles>,
    /// What went wrong, if anything did.
    pub(super) problem: Option<String>,
}

impl Kept {
    pub(super) const fn nothing(problem: String) -> Self {
        Self {
            files: None,
            problem: Some(problem),
        }
    }
}

/// Follows a running load to its end and keeps what it measured, also when it ends early. Blocks: for a thread of its own.
pub(super) fn follow_and_keep(
    context: &AgentContext,
    key: &Key,
    trial: &TrialPlan,
    running: Running,
) -> Kept {
    follow(context, key, trial, &running);
    context.set_progress(None);
    let (outcome, problem) = match running.join() {
        Ok(outcome) => (outcome, None),
        Err(failure) => {
            let problem = describe(&failure);
            match failure.kept {
                Some(outcome) => (*outcome, Some(problem)),
                None => return Kept::nothing(problem),
            }
        }
    };
    let of = ShareOf {
        run_dir: context.run_dir.clone(),
        trial: key.trial.clone(),
        attempt: key.attempt,
        node: context.node.clone(),
        connections: trial.workload.connections,
        tokenizer: trial
            .workload
            .prompts
            .tokenizer()
            .filter(|_| trial.workload.keep_text)
            .map(Into::into),
    };
    match keep(&of, &outcome, &expectations(&context.plan, trial)) {
        Ok(files) => Kept {
            files: Some(files),
            problem,
        },
        Err(error) => {
            set_aside(&of, &outcome);
            Kept::nothing(problem.unwrap_or_else(|| describe(&error)))
        }
    }
}

fn follow(context: &AgentContext, key: &Key, trial: &TrialPlan, running: &Running) {
    let began = Instant::now();
    let planned_seconds = match trial.workload.window {
        Window::Duration(duration) => Some(trial.workload.warmup.as_secs_f64() + duration.as_secs_f64()),
        Window::Requests(_) => None,
    };
    let mut published: Option<Instant> = None;
    while !running.is_finished() {
        if published.is_none_or(|at| at.elapsed() >= PUBLISH) {
            let progress = running.progress();
            context.set_progress(Some(Progress {
                trial: key.trial.clone(),
                attempt: key.attempt,
                elapsed_seconds: began.elapsed().as_secs_f64(),
                planned_seconds,
                in_flight: u64::from(progress.in_flight),
                ok: progress.ok,
                failed: progress.errors,
                tokens: progress.tokens,
            }));
            published = Some(Instant::now());
        }
        std::thread::sleep(LOOK);
    }
}
