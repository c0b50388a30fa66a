//! The actor.

use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use hpcbench_core::event::{ClientConnected, ClientFailed, TrialPrepared};
use hpcbench_core::message::{CommandBody, ReportBody};
use hpcbench_core::{NodeId, Seq};
use hpcbench_load::{CancelHandle, Monotonic, Start};

use super::links::probe_links;
use super::load::{Kept, Key, Part, Ready, follow_and_keep, get_ready, report_share};
use super::probe::probe;
use crate::agent::{AgentContext, Deliver};
use crate::shell::{catch, catch_future, describe};

const NANOS_PER_MILLI: i64 = 1_000_000;

/// Drives this node's share of the load.
pub struct ClientPool {
    context: Arc<AgentContext>,
    attempt: Option<(Key, Stage)>,
    /// Whether it was told to connect before.
    has_connected: bool,
}

/// How far an attempt is.
enum Stage {
    /// Prompts are being made.
    Preparing,
    /// It can begin.
    Ready(Box<Ready>),
    /// The load is on.
    Loading(CancelHandle),
}

/// Preparing an attempt came to this.
struct PreparedAttempt {
    key: Key,
    cause: Seq,
    result: Result<Ready, String>,
}

impl Message for PreparedAttempt {
    type Result = ();
}

impl ClientPool {
    /// A pool without load.
    pub const fn new(context: Arc<AgentContext>) -> Self {
        Self {
            context,
            attempt: None,
            has_connected: false,
        }
    }

    fn connect(&mut self, urls: Vec<String>, links: Vec<(NodeId, String)>, cause: Seq) {
        let context = Arc::clone(&self.context);
        // Once is enough, and later ones could meet a load.
        let links = if std::mem::replace(&mut self.has_connected, true) {
            Vec::new()
        } else {
            links
        };
        actix::spawn(async move {
            let node = context.node.clone();
            let body = match catch_future(probe(&context, &urls))
                .await
                .and_then(|probes| probes)
            {
                Ok(probes) => ReportBody::ClientConnected(ClientConnected {
                    node,
                    probes,
                    links: probe_links(links).await,
                }),
                Err(reason) => ReportBody::ClientFailed(ClientFailed { node, reason }),
            };
            context.outbox.report(Some(cause), body);
        });
    }

    fn prepare(&mut self, key: Key, part: Part, cause: Seq, ctx: &mut Context<Self>) -> Result<(), String> {
        if let Some((busy, _)) = &self.attempt {
            return Err(format!(
                "attempt {} of trial {} is still under way",
                busy.attempt, busy.trial
            ));
        }
        self.attempt = Some((key.clone(), Stage::Preparing));
        let (context, address) = (Arc::clone(&self.context), ctx.address());
        actix::spawn(async move {
            let work = get_ready(context, key.clone(), part);
            let result = catch_future(work).await.and_then(|result| result);
            address.do_send(PreparedAttempt { key, cause, result });
        });
        Ok(())
    }

    fn start(&mut self, key: &Key, delay_ms: u64, cause: Seq, ctx: &Context<Self>) -> Result<(), String> {
        let Ready { prepared, trial } = match self.attempt.take() {
            Some((current, Stage::Ready(ready))) if current == *key => *ready,
            other => {
                self.attempt = other;
                return Err("this attempt is not ready to begin".to_owned());
            }
        };
        let delay = i64::try_from(delay_ms)
            .unwrap_or(i64::MAX)
            .saturating_mul(NANOS_PER_MILLI);
        let at = Monotonic(Monotonic::now().0.saturating_add(delay));
        let running = match prepared.start(Start::At(at)) {
            Ok(running) => running,
            Err(error) => {
                report_share(&self.context, key, None, Some(describe(&error)), cause);
                return Ok(());
            }
        };
        self.attempt = Some((key.clone(), Stage::Loading(running.cancel_handle())));
        let (context, key, address) = (Arc::clone(&self.context), key.clone(), ctx.address());
        let thread = std::thread::Builder::new().name("load".to_owned());
        let reporter = (Arc::clone(&self.context), key.clone());
        let spawned = thread.spawn(move || {
            let kept = catch(|| follow_and_keep(&context, &key, &trial, running));
            // Before the report, which may bring the next attempt.
            address.do_send(Finished(key.clone()));
            let Kept { files, problem } = kept.unwrap_or_else(Kept::nothing);
            report_share(&context, &key, files, problem, cause);
        });
        if let Err(error) = spawned {
            self.attempt = None;
            report_share(
                &reporter.0,
                &reporter.1,
                None,
                Some(format!("cannot start a thread: {error}")),
                cause,
            );
        }
        Ok(())
    }

    /// Whatever was measured is handed in; that is nothing before the load has begun.
    fn stop(&mut self, key: &Key, cause: Seq) -> Result<(), String> {
        match self.attempt.take() {
            Some((current, Stage::Loading(load))) if current == *key => {
                load.cancel();
                self.attempt = Some((current, Stage::Loading(load)));
            }
            Some((current, _)) if current == *key => report_share(&self.context, key, None, None, cause),
            other => {
                let idle = other.is_none();
                self.attempt = other;
                return if idle {
                    Ok(())
                } else {
                    Err("another attempt is under way".to_owned())
                };
            }
        }
        Ok(())
    }
}

/// A load's share was handed in.
struct Finished(Key);

impl Message for Finished {
    type Result = ();
}

impl Actor for ClientPool {
    type Context = Context<Self>;
}

impl Handler<PreparedAttempt> for ClientPool {
    type Result = ();

    fn handle(&mut self, PreparedAttempt { key, cause, result }: PreparedAttempt, _: &mut Context<Self>) {
        // It may have been told to stop meanwhile, and has answered that.
        if !matches!(&self.attempt, Some((current, Stage::Preparing)) if *current == key) {
            return;
        }
        match result {
            Ok(ready) => {
                let (trial, attempt, node) = (key.trial.clone(), key.attempt, self.context.node.clone());
                self.attempt = Some((key, Stage::Ready(Box::new(ready))));
                let body = ReportBody::TrialPrepared(TrialPrepared { trial, attempt, node });
                self.context.outbox.report(Some(cause), body);
            }
            Err(problem) => {
                self.attempt = None;
                report_share(&self.context, &key, None, Some(problem), cause);
            }
        }
    }
}

impl Handler<Finished> for ClientPool {
    type Result = ();

    fn handle(&mut self, Finished(key): Finished, _: &mut Context<Self>) {
        if self.attempt.as_ref().is_some_and(|(current, _)| *current == key) {
            self.attempt = None;
        }
    }
}

impl Handler<Deliver> for ClientPool {
    type Result = Result<(), String>;

    fn handle(&mut self, Deliver(command): Deliver, ctx: &mut Context<Self>) -> Result<(), String> {
        let cause = command.cause;
        match command.body {
            CommandBody::Connect { endpoints, links } => {
                self.connect(endpoints, links, cause);
                Ok(())
            }
            CommandBody::Prepare {
                trial,
                attempt,
                clients,
                endpoints: urls,
                point,
            } => {
                let part = Part { point, clients, urls };
                self.prepare(Key { trial, attempt }, part, cause, ctx)
            }
            CommandBody::Start {
                trial,
                attempt,
                delay_ms,
            } => self.start(&Key { trial, attempt }, delay_ms, cause, ctx),
            CommandBody::StopAttempt { trial, attempt } => self.stop(&Key { trial, attempt }, cause),
            _ => Err("this is no command for a client pool".to_owned()),
        }
    }
}
