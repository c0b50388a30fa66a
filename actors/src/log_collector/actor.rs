//! The actor.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use hpcbench_core::event::{ArtifactRecorded, CollectionStarted, CollectionStopped};
use hpcbench_core::message::{CommandBody, ReportBody};
use hpcbench_core::{LogCategory, Seq};
use hpcbench_journal::Moment;

use super::line::CollectedLine;
use super::output::Output;
use super::sources::LogSource;
use super::tail::Tail;
use crate::agent::{AgentContext, Deliver};
use crate::shell::{artifact, now, private_dir, successor_of};

/// How often the logs are looked at.
const INTERVAL: Duration = Duration::from_millis(200);
/// A look for a successor counts for so long. A process that was stopped may have been given up meanwhile.
const STALE: Duration = Duration::from_secs(1);
/// Most blocks of one log that are still read at the end.
const LAST_READS: u32 = 16;

/// Follows the logs of a node.
pub struct LogCollector {
    context: Arc<AgentContext>,
    tails: Vec<(LogSource, Tail)>,
    files: BTreeMap<String, Output>,
    /// Files of others that are digested with the logs.
    others: Vec<String>,
    complaints: BTreeSet<String>,
    collecting: bool,
    /// When these files were known to be this collector's alone.
    alone: Moment,
    lines: u64,
    dropped: u64,
}

impl LogCollector {
    /// A collector that waits to be told to begin.
    pub fn new(context: Arc<AgentContext>) -> Self {
        Self {
            context,
            tails: Vec::new(),
            files: BTreeMap::new(),
            others: Vec::new(),
            complaints: BTreeSet::new(),
            collecting: false,
            alone: Moment::now(),
            lines: 0,
            dropped: 0,
        }
    }

    fn begin(&mut self, cause: Seq, ctx: &mut Context<Self>) -> io::Result<()> {
        for category in LogCategory::ALL {
            private_dir(&self.context.run_dir.join("logs").join(category.as_str()))?;
        }
        if !self.collecting {
            ctx.run_interval(INTERVAL, |actor, _| {
                if actor.collecting && actor.is_alone() {
                    actor.look(false);
                }
            });
            self.collecting = true;
            self.alone = Moment::now();
        }
        let started = CollectionStarted {
            node: self.context.node.clone(),
            categories: LogCategory::ALL
                .iter()
                .map(|category| category.as_str().to_owned())
                .collect(),
        };
        self.context
            .outbox
            .report(Some(cause), ReportBody::CollectionStarted(started));
        Ok(())
    }

    fn finish(&mut self, cause: Seq) {
        if self.collecting && self.is_alone() {
            self.look(true);
        }
        self.collecting = false;
        let dropped: u64 = self.tails.iter().map(|(_, tail)| tail.dropped()).sum();
        let stopped = CollectionStopped {
            node: self.context.node.clone(),
            lines: self.lines,
            dropped_bytes: self.dropped + dropped,
        };
        let (context, paths) = (Arc::clone(&self.context), std::mem::take(&mut self.files));
        let paths = paths.into_keys().chain(std::mem::take(&mut self.others));
        // Digesting large files takes a while, in which heartbeats go on.
        actix::spawn(async move {
            let run_dir = context.run_dir.clone();
            let work = tokio::task::spawn_blocking(move || seal(&run_dir, paths));
            let files = work.await.unwrap_or_default();
            context
                .outbox
                .report(Some(cause), ReportBody::CollectionStopped { stopped, files });
            context.end();
        });
    }

    /// Whether nobody else collects the logs of this node by now: if somebody may, the files are left to that one.
    fn is_alone(&mut self) -> bool {
        let is_over = self.context.has_ended() || (self.alone.elapsed() > STALE && self.has_successor());
        self.collecting &= !is_over;
        self.alone = Moment::now();
        !is_over
    }

    fn has_successor(&self) -> bool {
        successor_of(&self.context.run_dir, self.context.outbox.epoch()).is_some()
    }

    /// Takes what is new; at the end, all there is.
    fn look(&mut self, all: bool) {
        for source in self.context.sources.after(self.tails.len()) {
            let tail = Tail::new(source.path.clone());
            self.tails.push((source, tail));
        }
        let mut tails = std::mem::take(&mut self.tails);
        for (source, tail) in &mut tails {
            let mut taken = Vec::new();
            // Not to the end: a service may write faster than it is read, and heartbeats have to go on.
            for _ in 0..if all { LAST_READS } else { 1 } {
                let more = tail.read(all, &mut |line| taken.push(line.to_vec()));
                for line in taken.drain(..) {
                    self.keep(source, &line);
                }
                match more {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        self.complain(&format!("failed to read {}: {error}", source.path.display()));
                        break;
                    }
                }
            }
        }
        self.tails = tails;
        for output in self.files.values_mut() {
            if let Err(error) = output.flush() {
                tracing::error!(%error, "failed to write a collected log");
            }
        }
    }

    fn keep(&mut self, source: &LogSource, line: &[u8]) {
        let collected = CollectedLine {
            at: now(),
            category: source.category,
            node: self.context.node.clone(),
            component: source.component.clone(),
            stream: source.stream.to_owned(),
            correlation: source.correlation.clone(),
            message: String::from_utf8_lossy(line).into_owned(),
        };
        self.context.live.offer(&collected);
        match self.write(source, &collected) {
            Ok(true) => self.lines += 1,
            Ok(false) => self.dropped += line.len() as u64,
            Err(error) => {
                self.dropped += line.len() as u64;
                self.complain(&format!(
                    "failed to write the log of {}: {error}",
                    source.component
                ));
            }
        }
    }

    /// Whether there was room for the line.
    fn write(&mut self, source: &LogSource, line: &CollectedLine) -> io::Result<bool> {
        let (category, node) = (source.category.as_str(), &self.context.node);
        let path = format!("logs/{category}/{node}.{}.jsonl", source.component);
        if !self.files.contains_key(&path) {
            // To open it cuts off what somebody may be about to finish.
            if self.has_successor() {
                return Ok(false);
            }
            let output = Output::open(&self.context.run_dir.join(&path))?;
            self.files.insert(path.clone(), output);
        }
        let Some(output) = self.files.get_mut(&path) else {
            return Ok(false);
        };
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        output.append(&text)
    }

    /// Says the same thing once.
    fn complain(&mut self, problem: &str) {
        if self.complaints.insert(problem.to_owned()) {
            tracing::error!("{problem}");
        }
    }
}

/// A file of the run directory, by its path there, that is complete and is digested with the logs.
pub(crate) struct AlsoSeal(pub(crate) Option<String>);

impl Message for AlsoSeal {
    type Result = ();
}

impl Handler<AlsoSeal> for LogCollector {
    type Result = ();

    fn handle(&mut self, AlsoSeal(file): AlsoSeal, _: &mut Context<Self>) {
        self.others.extend(file);
    }
}

/// The digests of collected logs.
fn seal(run_dir: &Path, paths: impl Iterator<Item = String>) -> Vec<ArtifactRecorded> {
    let seal = |path: String| {
        artifact(run_dir, &path)
            .inspect_err(|error| tracing::error!(path, %error, "failed to digest a collected log"))
            .ok()
    };
    paths.filter_map(seal).collect()
}

impl Actor for LogCollector {
    type Context = Context<Self>;
}

impl Handler<Deliver> for LogCollector {
    type Result = Result<(), String>;

    fn handle(&mut self, Deliver(command): Deliver, ctx: &mut Context<Self>) -> Result<(), String> {
        match command.body {
            CommandBody::Collect => self
                .begin(command.cause, ctx)
                .map_err(|error| format!("failed to create the log directories: {error}")),
            CommandBody::FinishCollection => {
                self.finish(command.cause);
                Ok(())
            }
            _ => Err("this is no command for a log collector".to_owned()),
        }
    }
}
