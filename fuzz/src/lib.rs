//! What is fuzzed: every parser that reads what others have written, be it a server, a user, or a process that was
//! killed. Any bytes are read or refused; nothing panics.
//!
//! Targets are plain functions, so that a fuzzer and a bounded test run the same ones.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a panic is how a target says what it has found"
)]

mod disk;
mod mutate;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use hpcbench_core::event::RawEvent;
use hpcbench_core::message::{AgentCommand, CancelPayload, CommandReply, Heartbeat, Report};
use hpcbench_core::upcast;
use hpcbench_recipes::recipe::Timestamps;
use hpcbench_recipes::trace::{Trace, TraceLayout};
use hpcbench_recipes::{DiskFiles, Input, PathBase, RecipeChecker};
use hpcbench_services::REGISTRY;
use hpcbench_telemetry::{prometheus, service};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use disk::{log, prompts, records};
pub use hpcbench_load::fuzzing::{answer, chunked, head, ndjson, response, sse};
pub use mutate::Mutator;

/// A target: its name, which is also that of its folder of seeds, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("sse", sse),
    ("ndjson", ndjson),
    ("head", head),
    ("chunked", chunked),
    ("response", response),
    ("answer", answer),
    ("trace", trace),
    ("prompts", prompts),
    ("recipe", recipe),
    ("records", records),
    ("message", message),
    ("event_line", event_line),
    ("log", log),
    ("metrics", metrics),
];

/// A recorded trace.
pub fn trace(data: &[u8]) {
    for timestamps in [Timestamps::Auto, Timestamps::Seconds, Timestamps::Milliseconds] {
        let layout = TraceLayout {
            timestamps,
            block_tokens: NonZeroU32::MIN.saturating_add(511),
        };
        if let Ok(trace) = Trace::parse(data, layout) {
            assert!(trace.requests().is_sorted_by_key(|request| request.at));
        }
    }
}

/// The metrics of a service: what is read from them says the same when it is written and read again.
pub fn metrics(data: &[u8]) {
    let Ok(all) = prometheus::parse(data) else {
        return;
    };
    for dialect in [service::Dialect::Vllm, service::Dialect::LlamaCpp] {
        let reading = service::read(dialect, &all);
        // A bad value of a server must not become a number.
        assert!(reading.running.is_none_or(|running| !running.is_nan()));
    }
    for series in &all {
        let line = format!("{}{{{}}} {}", series.name, series.labels_text(), series.value);
        let again = prometheus::parse(line.as_bytes()).expect("what was written can be read");
        assert!(
            again
                .iter()
                .map(|one| (one.name, &one.labels))
                .eq([(series.name, &series.labels)])
        );
        assert!(
            again
                .iter()
                .all(|one| one.value.total_cmp(&series.value).is_eq() || one.value.is_nan())
        );
    }
}

/// A recipe: its diagnostics lie inside it, and it has a plan or an error.
pub fn recipe(data: &[u8]) {
    thread_local! {
        static CHECKER: RecipeChecker<'static> = RecipeChecker::new(&REGISTRY);
    }
    let paths = PathBase {
        directory: PathBuf::from("/nowhere"),
        home: None,
    };
    CHECKER.with(|checker| {
        let checked = checker.check(&Input {
            source: data,
            overrides: &[],
            paths: &paths,
            files: &DiskFiles,
        });
        assert!(checked.plan.is_some() || !checked.diagnostics.is_empty());
    });
}

/// A message of the bus: what is read is written in the same way again.
pub fn message(data: &[u8]) {
    again::<Report>(data);
    again::<AgentCommand>(data);
    again::<CommandReply>(data);
    again::<CancelPayload>(data);
    again::<Heartbeat>(data);
}

/// A line of the event log: what its type's fields do not fit becomes an event that says so.
pub fn event_line(data: &[u8]) {
    if let Ok(raw) = serde_json::from_slice::<RawEvent>(data) {
        let _ = upcast(raw);
    }
}

fn again<T: DeserializeOwned + Serialize>(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(data) else {
        return;
    };
    let once = serde_json::to_vec(&value).expect("a message can be written");
    let value: T = serde_json::from_slice(&once).expect("what was written can be read");
    assert_eq!(
        serde_json::to_vec(&value).expect("a message can be written"),
        once
    );
}

/// Where a target's seeds are.
pub fn seeds(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target)
}
