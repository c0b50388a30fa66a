//! Tracing: JSON lines in the run directory for whoever looks later, plain words on standard error for whoever is there.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use hpcbench_actors::shell::private_dir;
use hpcbench_core::NodeId;
use tracing::{Event, Level, Subscriber};
use tracing_appender::rolling::{self, RollingFileAppender};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::live::Screen;
use crate::program;

/// What is logged, in the syntax of `tracing`'s filters; otherwise [`DEFAULT_FILTER`].
pub(crate) const FILTER_VARIABLE: &str = "HPCBENCH_LOG";
/// Everything from `info` up; the bus says itself what becomes of its connections, and its client library would call every
/// end of one an error.
const DEFAULT_FILTER: &str = "info,async_nats=off";
/// Where these logs are below the run directory.
const FOLDER: &str = "logs/benchmark";
/// Only our own crates speak to the user.
const OWN_CRATES: &str = "hpcbench";
/// Target of what the user is told in another way.
pub(crate) const LOG_ONLY: &str = "log_only";

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Logs to standard error from `info` up, for a command that is a server of its own.
pub(crate) fn to_stderr() {
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false);
    tracing_subscriber::registry().with(filter()).with(layer).init();
    log_panics();
}

/// Logs of the run's own process: everything into the run directory, warnings and errors in words to the screen.
///
/// # Errors
/// The log's file cannot be written.
pub(crate) fn of_run(run_dir: &Path, node: &NodeId, screen: Screen) -> anyhow::Result<()> {
    let words = tracing_subscriber::fmt::layer()
        .event_format(PlainWords)
        .with_writer(screen)
        .with_ansi(false)
        .with_filter(Targets::new().with_target(OWN_CRATES, LevelFilter::WARN))
        .boxed();
    start(run_dir, node, words)
}

/// Logs of an agent: the same, but what it says on standard error is collected as its log.
///
/// # Errors
/// The log's file cannot be written.
pub(crate) fn of_agent(run_dir: &Path, node: &NodeId) -> anyhow::Result<()> {
    let words = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_filter(LevelFilter::WARN)
        .boxed();
    start(run_dir, node, words)
}

fn start(run_dir: &Path, node: &NodeId, words: BoxedLayer) -> anyhow::Result<()> {
    let file = file(run_dir, node)
        .with_context(|| format!("failed to log to {}", run_dir.join(FOLDER).display()))?;
    let json = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(file);
    tracing_subscriber::registry()
        .with(vec![json.with_filter(filter()).boxed(), words])
        .init();
    log_panics();
    let program = program::program();
    tracing::info!(%node, pid = std::process::id(), version = program.version, revision = program.revision, "started");
    Ok(())
}

/// The file of a node's own log, for its owner alone. Lines are written at once, so that a process that is killed has
/// written its last one.
fn file(run_dir: &Path, node: &NodeId) -> io::Result<RollingFileAppender> {
    let folder = run_dir.join(FOLDER);
    let name = format!("{node}.hpcbench.jsonl");
    private_dir(&folder)?;
    program::private_options()
        .append(true)
        .create(true)
        .open(folder.join(&name))?;
    Ok(rolling::never(folder, name))
}

fn filter() -> EnvFilter {
    let wanted = std::env::var(FILTER_VARIABLE)
        .ok()
        .filter(|text| !text.is_empty());
    EnvFilter::new(wanted.as_deref().unwrap_or(DEFAULT_FILTER))
}

/// Logs panics, which most actors survive.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        let thread = std::thread::current();
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(
            place,
            thread = thread.name().unwrap_or("unnamed"),
            backtrace = matches!(backtrace.status(), std::backtrace::BacktraceStatus::Captured)
                .then(|| backtrace.to_string()),
            "a part of hpcbench panicked, which is a fault of the program: {message}"
        );
    }));
}

/// `warning: what happened error=why`, without time and place.
struct PlainWords;

impl<S, N> FormatEvent<S, N> for PlainWords
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let label = if *event.metadata().level() == Level::ERROR {
            "error"
        } else {
            "warning"
        };
        write!(to, "{label}: ")?;
        ctx.field_format().format_fields(to.by_ref(), event)?;
        writeln!(to)
    }
}

/// Collects one event's text and shows it when it is dropped.
pub(crate) struct ScreenWriter {
    screen: Screen,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = ScreenWriter;

    fn make_writer(&'a self) -> ScreenWriter {
        ScreenWriter {
            screen: self.clone(),
            text: Vec::new(),
        }
    }
}

impl Write for ScreenWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ScreenWriter {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        if !text.is_empty() {
            self.screen.say(text.trim_end());
        }
    }
}
