//! A log as a run would write it whose trials are interrupted and attempted again for a very long time: all that a state
//! holds of it has to stay the same.

use std::path::Path;
use std::sync::Arc;

use hpcbench_core::event::{
    ArtifactRecorded, Body, Draft, LoadStarted, Program, RunCreated, ShareFiles, ShareReported,
    TrialInterrupted, TrialPrepared, TrialStarted,
};
use hpcbench_core::message::ReportId;
use hpcbench_core::{Attempt, Epoch, NodeId, Seq, Timestamp, TrialId};
use hpcbench_journal::{DirStorage, Journal, Opening};
use hpcbench_recipes::Plan;

/// Attempts that are appended at once while the log is written.
const CHUNK: u64 = 1_000;
const BEGIN: i64 = 1_764_016_496_000_000;

/// A run's plan, and a log with about this many events. Attempts may leave files, each with a path of its own, which are not
/// there.
pub(crate) fn write(run_dir: &Path, plan: &Plan, events: u64, with_files: bool) {
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
            attempt(&mut drafts, trial, number, journal.head().seq.0, with_files);
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
        program: Program {
            version: "0".to_owned(),
            revision: "0".to_owned(),
        },
        tools: [].into(),
    }
}

/// The events of an attempt, the last of which leads to the next attempt.
fn attempt(drafts: &mut Vec<Draft>, trial: &TrialId, number: u64, head: u64, with_files: bool) {
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
    let mut bodies: Vec<(Body, Option<ReportId>)> = vec![
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
    ];
    if with_files {
        let reported = ShareReported {
            trial: trial.clone(),
            attempt,
            node,
            files: Some(files.clone()),
            problem: None,
        };
        let of_files = [files.records.into(), files.aggregate.into(), reported.into()];
        bodies.extend(of_files.map(|body| (body, report(2 * number + 1))));
    }
    let interrupted = TrialInterrupted {
        trial,
        attempt,
        reason: "the bus was away".to_owned(),
    };
    bodies.push((interrupted.into(), None));
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
