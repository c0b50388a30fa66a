//! What it takes to fold, tell and draw a large log.
//!
//! `cargo bench -p hpcbench-report [-- EVENTS]`; a million events without a number. The log is as a run would write it
//! whose trials are interrupted and attempted again for a very long time: all that a state holds of it has to stay the
//! same. The directory is `HPCBENCH_BENCH_DIR`, else the build's own temporary one.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../src/testing/plan.rs"]
mod plan;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use hpcbench_core::event::{
    ArtifactRecorded, Body, Draft, LoadStarted, RunCreated, ShareFiles, ShareReported, TrialInterrupted,
    TrialPrepared, TrialStarted,
};
use hpcbench_core::message::ReportId;
use hpcbench_core::{Attempt, Epoch, NodeId, Seq, Timestamp, TrialId, upcast};
use hpcbench_journal::{DirStorage, Journal, Opening, verify_log};
use hpcbench_recipes::Plan;
use hpcbench_report::{RunView, Timeline, Until, history, why};

const EVENTS: u64 = 1_000_000;
/// Attempts that are appended at once while the log is written.
const CHUNK: u64 = 1_000;
const BEGIN: i64 = 1_764_016_496_000_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let events = arguments
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(EVENTS);
    let root = std::env::var_os("HPCBENCH_BENCH_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let dir = tempfile::tempdir_in(root).unwrap();
    let plan = plan::plan("{matrix: {workload.load.concurrency: [20, 40, 80]}}");
    write(dir.path(), &plan, events);
    memory("the log is written");

    timed("read", || {
        history(dir.path(), Until::End)
            .unwrap()
            .map(Result::unwrap)
            .count()
    });
    memory("read");
    timed("upcast", || {
        let entries = history(dir.path(), Until::End).unwrap().map(Result::unwrap);
        entries
            .map(|entry| upcast(entry.event))
            .filter(|event| event.seq.0 > 0)
            .count()
    });
    let state = timed("state", || RunView::load(dir.path()).unwrap().state);
    assert_eq!(state.anomaly_count, 0, "{:?}", state.anomalies.first());
    println!(
        "the state has {} bytes of JSON",
        serde_json::to_vec(&state).unwrap().len()
    );
    memory("folded");
    timed("why", || {
        why(dir.path(), state.seq).unwrap().map(Result::unwrap).count()
    });
    memory("asked why");
    timed("timeline", || {
        let mut timeline = Timeline::new(&plan);
        for entry in history(dir.path(), Until::End).unwrap() {
            timeline.take(&upcast(entry.unwrap().event));
        }
        timeline.render(hpcbench_report::Style::PLAIN).len()
    });
    memory("told as a timeline");
    // The files beside it are not there.
    let report = timed("verify", || {
        verify_log(Arc::new(DirStorage::new(dir.path()))).unwrap()
    });
    assert!(report.ok, "{:?}", report.problems.first());
    memory("verified, with its side files' digests");
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (begin, busy) = (Instant::now(), busy_seconds());
    let result = work();
    let (took, busy) = (begin.elapsed().as_secs_f64(), busy_seconds() - busy);
    println!("{what:10} {took:6.2} s, of which {busy:6.2} s on a processor");
    result
}

/// How long this thread has been on a processor: what counts on a machine that others use.
fn busy_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// The process's peak, as the kernel tells it.
fn memory(after: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(line) = status.lines().find(|line| line.starts_with("VmHWM")) {
        let peak: Vec<&str> = line.split_whitespace().skip(1).collect();
        println!("peak memory {} ({after})", peak.join(" "));
    }
}

/// A log with about this many events.
fn write(run_dir: &Path, plan: &Plan, events: u64) {
    std::fs::write(run_dir.join("plan.json"), serde_json::to_vec(plan).unwrap()).unwrap();
    let writer = serde_json::json!({"writer": {"host": "mel2041", "pid": 1, "process_start": 1, "user": "ada",
        "program": {"version": "0", "revision": "0"}}});
    let opening = Opening {
        node: node("orchestrator"),
        actor: "orchestrator".to_owned(),
        correlation: "run".to_owned(),
        data: writer.as_object().unwrap().clone(),
        dead_through: Epoch(0),
        clock: &|| Timestamp::from_micros(BEGIN),
        wait: &mut |_| {},
        history: &mut drop,
    };
    let storage = Arc::new(DirStorage::new(run_dir));
    let mut journal = Journal::open(storage, opening, Box::new(drop)).unwrap().journal;
    journal
        .append(vec![draft(&created(plan).into(), 2, None)])
        .unwrap();
    let trial = &plan.trials.first().unwrap().id;
    let mut number = 0;
    while journal.head().seq.0 < events {
        let mut drafts = Vec::new();
        for _ in 0..CHUNK {
            number += 1;
            attempt(&mut drafts, trial, number, journal.head().seq.0);
        }
        journal.append(drafts).unwrap();
        // What is not yet synced has a limit.
        while journal.durable().unwrap() < journal.head().seq {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    journal.close().unwrap();
}

fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

fn created(plan: &Plan) -> RunCreated {
    RunCreated {
        run: "large".parse().unwrap(),
        name: plan.name.clone(),
        plan: plan.hash.clone(),
        recipe: plan.recipe_sha256.clone(),
        trials: plan.trials.len() as u64,
        nodes: plan.nodes.iter().map(|n| (n.node.clone(), n.role)).collect(),
        user: "ada".to_owned(),
        host: "mel2041".to_owned(),
        command_line: vec!["hpcbench".to_owned()],
        program: hpcbench_core::event::Program {
            version: "0".to_owned(),
            revision: "0".to_owned(),
        },
        tools: [].into(),
    }
}

/// The events of an attempt, the last of which leads to the next attempt.
fn attempt(drafts: &mut Vec<Draft>, trial: &TrialId, number: u64, head: u64) {
    let trial = trial.clone();
    let attempt = Attempt(number as u32);
    let node = node("client");
    let file = |kind: &str| ArtifactRecorded {
        path: format!("records/{trial}/{attempt}/client.{kind}"),
        bytes: 123_456,
        sha256: "3".repeat(64),
    };
    let files = ShareFiles {
        records: file("parquet"),
        aggregate: file("aggregate.json"),
    };
    let report = |counter| {
        Some(ReportId {
            boot: "0199a1b2-c3d4".to_owned(),
            counter,
        })
    };
    let bodies: [(Body, Option<ReportId>); 7] = [
        (
            TrialStarted {
                trial: trial.clone(),
                attempt,
                clients: vec![node.clone()],
            }
            .into(),
            None,
        ),
        (
            TrialPrepared {
                trial: trial.clone(),
                attempt,
                node: node.clone(),
            }
            .into(),
            report(2 * number),
        ),
        (
            LoadStarted {
                trial: trial.clone(),
                attempt,
            }
            .into(),
            None,
        ),
        (files.records.clone().into(), report(2 * number + 1)),
        (files.aggregate.clone().into(), report(2 * number + 1)),
        (
            ShareReported {
                trial: trial.clone(),
                attempt,
                node,
                files: Some(files),
                problem: None,
            }
            .into(),
            report(2 * number + 1),
        ),
        (
            TrialInterrupted {
                trial,
                attempt,
                reason: "the bus was away".to_owned(),
            }
            .into(),
            None,
        ),
    ];
    for (body, report) in bodies {
        let seq = head + drafts.len() as u64 + 1;
        drafts.push(draft(&body, seq, report.as_ref()));
    }
}

fn draft(body: &Body, seq: u64, report: Option<&ReportId>) -> Draft {
    Draft {
        at: Timestamp::from_micros(BEGIN + seq as i64 * 1000),
        kind: body.kind().to_owned(),
        version: body.version(),
        actor: "orchestrator".to_owned(),
        node: node("orchestrator"),
        correlation: body.correlation(),
        causation: (seq > 2).then(|| Seq(seq - 1)),
        data: body.to_data(report).unwrap(),
    }
}
