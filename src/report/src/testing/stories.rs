//! Runs as they may go.

use std::collections::BTreeMap;

use hpcbench_core::event::{
    AgentRequested, ArtifactRecorded, BusRequested, BusStarted, CancelRequested, ClientConnected,
    ClientRequested, CollectionRequested, CollectionStarted, CollectionStopRequested, CollectionStopped,
    EndpointProbe, HostFacts, LoadStarted, NodeJoined, NodeLeft, NodeLost, RunCancelled, RunCompleted,
    RunResumed, ServiceExited, ServiceImage, ServiceLaunched, ServiceReady, ServiceRequested,
    ServiceStopRequested, ShareFiles, ShareReported, StateVerified, StopCause, TrialCompleted, TrialFailed,
    TrialInterrupted, TrialPrepared, TrialStarted, TrialStopRequested,
};
use hpcbench_core::{Attempt, InstanceId, Phase, Role, Seq, TrialId};
use hpcbench_stats::{Concurrency, MetricSummary, RequestCounts, TrialSummary, Verdict, VerdictStatus};

use super::Story;
use super::plan::plan;
use super::story::node;

const NODES: [(&str, Role); 3] = [
    ("client", Role::Client),
    ("orchestrator", Role::Orchestrator),
    ("server", Role::Server),
];
const ENDPOINT: &str = "http://127.0.0.1:40123";

/// Three levels of concurrency, everything valid.
pub(crate) fn quickstart() -> Story {
    let mut story = Story::new(plan("{matrix: {workload.load.concurrency: [20, 40, 80]}}"));
    story.epoch().created();
    up(&mut story);
    for (index, id) in ids(&story).into_iter().enumerate() {
        start(&mut story, &id, 1);
        share(&mut story, &id, 1, 9.02);
        let summary = measured(index as f64 + 1.0);
        story.wait(0.03).tell(TrialCompleted {
            trial: id,
            attempt: Attempt(1),
            summary,
        });
    }
    down(&mut story);
    story.tell(RunCompleted { exit_code: 0 });
    story
}

/// A client is lost and comes back, the service dies in the middle of the second trial, the third is doubtful.
pub(crate) fn troubled() -> Story {
    let mut story = Story::new(plan("{matrix: {workload.load.concurrency: [20, 40, 80]}}"));
    story.epoch().created();
    up(&mut story);
    let ids = ids(&story);
    start(&mut story, &ids[0], 1);
    story.wait(3.0).tell(NodeLost {
        node: node("client"),
        reason: "no heartbeat for 10.4 s".to_owned(),
    });
    let reason = "client node client was lost: no heartbeat for 10.4 s".to_owned();
    story.tell(TrialInterrupted {
        trial: ids[0].clone(),
        attempt: Attempt(1),
        reason,
    });
    agent(&mut story, "client", Role::Client, 2);
    connect(&mut story);
    start(&mut story, &ids[0], 2);
    share(&mut story, &ids[0], 2, 9.0);
    story.tell(TrialCompleted {
        trial: ids[0].clone(),
        attempt: Attempt(2),
        summary: measured(1.0),
    });
    start(&mut story, &ids[1], 1);
    die(&mut story, &ids[1]);
    service(&mut story, 2);
    connect(&mut story);
    start(&mut story, &ids[2], 1);
    share(&mut story, &ids[2], 1, 9.0);
    let mut summary = measured(3.0);
    summary.requests = RequestCounts {
        issued: 980,
        ok: 975,
        error: 3,
        timeout: 2,
        cancelled: 0,
    };
    summary.errors = BTreeMap::from([("http_status".to_owned(), 3), ("timeout".to_owned(), 2)]);
    summary.verdict = Verdict {
        status: VerdictStatus::Suspect,
        reasons: vec![
            "0.51 % of the requests failed".to_owned(),
            "980 requests are few for a p99".to_owned(),
        ],
    };
    story.tell(TrialCompleted {
        trial: ids[2].clone(),
        attempt: Attempt(1),
        summary,
    });
    down(&mut story);
    story.tell(RunCompleted { exit_code: 1 });
    story
}

/// The first epoch ends in the middle of the first trial; in the second one somebody cancels.
pub(crate) fn interrupted_and_cancelled() -> Story {
    let mut story = Story::new(plan(
        "{matrix: {workload.load.concurrency: [20, 40]}, repetitions: 2}",
    ));
    story.epoch().created();
    up(&mut story);
    let ids = ids(&story);
    start(&mut story, &ids[0], 1);
    story.wait(3600.0).epoch();
    resume(&mut story, "bob", "2.15.1");
    interrupt(&mut story, &ids[0], 1);
    up(&mut story);
    start(&mut story, &ids[0], 2);
    story.wait(2.0).tell(CancelRequested {
        source: "signal".to_owned(),
        user: Some("bob".to_owned()),
        host: Some("mel2042".to_owned()),
        reason: "SIGINT\u{1b}[31m".to_owned(),
        at_once: false,
        command_line: ["hpcbench", "cancel", "quick"].map(str::to_owned).into(),
    });
    let cause = StopCause::Interruption {
        reason: "the run is cancelled".to_owned(),
    };
    story.tell(TrialStopRequested {
        trial: ids[0].clone(),
        attempt: Attempt(2),
        cause,
    });
    share(&mut story, &ids[0], 2, 0.1);
    let reason = "the run is cancelled".to_owned();
    story.tell(TrialInterrupted {
        trial: ids[0].clone(),
        attempt: Attempt(2),
        reason,
    });
    down(&mut story);
    story.tell(RunCancelled {
        exit_code: 1,
        reason: "SIGINT".to_owned(),
    });
    story
}

/// Killed under the load of the second trial, and again while the instance that was to go on with it started; then a
/// third writer, whose clock is 20 minutes behind, brings the run to its end.
pub(crate) fn resumed_twice() -> Story {
    let mut story = Story::new(plan("{matrix: {workload.load.concurrency: [20, 40]}}"));
    story.epoch().created();
    up(&mut story);
    let ids = ids(&story);
    start(&mut story, &ids[0], 1);
    complete(&mut story, &ids[0], 1);
    start(&mut story, &ids[1], 1);
    story.wait(1800.0).epoch();
    resume(&mut story, "bob", "2.15.1");
    interrupt(&mut story, &ids[1], 1);
    story.phase(Phase::Initialize).tell(BusRequested { launch: 1 });
    for (name, role) in NODES {
        agent(&mut story, name, role, 1);
    }
    story.phase(Phase::Deploy).tell(ServiceRequested {
        service: 0,
        instance: instance(),
        node: node("server"),
        launch: 1,
        rank: None,
    });
    story.wait(-1200.0).epoch();
    resume(&mut story, "ada", "2.15.1");
    up(&mut story);
    start(&mut story, &ids[1], 2);
    complete(&mut story, &ids[1], 2);
    down(&mut story);
    story.tell(RunCompleted { exit_code: 0 });
    story
}

fn resume(story: &mut Story, user: &str, nats_server: &str) {
    story.tell(RunResumed {
        user: user.to_owned(),
        host: "mel2042".to_owned(),
        command_line: ["hpcbench", "resume", "quick"].map(str::to_owned).into(),
        tools: [("nats-server".to_owned(), nats_server.to_owned())].into(),
        retry_failed: false,
    });
}

fn interrupt(story: &mut Story, id: &TrialId, attempt: u32) {
    story.tell(TrialInterrupted {
        trial: id.clone(),
        attempt: Attempt(attempt),
        reason: "its epoch ended before it did".to_owned(),
    });
}

fn complete(story: &mut Story, id: &TrialId, attempt: u32) {
    share(story, id, attempt, 9.0);
    story.wait(0.03).tell(TrialCompleted {
        trial: id.clone(),
        attempt: Attempt(attempt),
        summary: measured(1.0),
    });
}

/// A summary of plausible numbers, those of time this many times as large.
pub(crate) fn measured(scale: f64) -> Box<TrialSummary> {
    let metric = |p50: f64| MetricSummary {
        mean: Some(p50 * scale * 1.01),
        stddev: Some(p50 * scale * 0.2),
        min: Some(p50 * scale * 0.7),
        p50: Some(p50 * scale),
        p90: Some(p50 * scale * 1.3),
        p95: Some(p50 * scale * 1.4),
        p99: Some(p50 * scale * 1.5),
        p999: None,
        max: Some(p50 * scale * 1.7),
        count: 1234,
        interval: None,
    };
    let mut summary = Box::new(TrialSummary {
        verdict: Verdict {
            status: VerdictStatus::Valid,
            reasons: Vec::new(),
        },
        requests: RequestCounts {
            issued: 1234,
            ok: 1234,
            ..RequestCounts::default()
        },
        duration_seconds: Some(7.0),
        request_throughput: Some(176.25),
        output_token_throughput: Some(1410.04),
        input_tokens: Some(78_976),
        output_tokens: Some(9_872),
        concurrency: Concurrency {
            requested: Some(20),
            delivered_mean: Some(19.98),
        },
        ..TrialSummary::without_data("")
    });
    summary.metrics.ttft = metric(0.0312);
    summary.metrics.itl = metric(0.0104);
    summary.metrics.tpot = metric(0.0101);
    summary.metrics.e2e = metric(0.1037);
    summary.metrics.client_lag = metric(0.000_02);
    summary.metrics.loop_gap = metric(0.001_2);
    summary
}

fn ids(story: &Story) -> Vec<TrialId> {
    story.plan.trials.iter().map(|trial| trial.id.clone()).collect()
}

pub(super) fn up(story: &mut Story) {
    story.phase(Phase::Initialize).tell(BusRequested { launch: 1 });
    let url = "nats://127.0.0.1:4222".to_owned();
    story.wait(0.02).tell(BusStarted {
        url,
        pid: 4720,
        version: "2.12.0".to_owned(),
    });
    for (name, role) in NODES {
        agent(story, name, role, 1);
    }
    story.phase(Phase::Deploy);
    service(story, 1);
    story.phase(Phase::Monitor);
    for (name, _) in NODES {
        story.tell(CollectionRequested { node: node(name) });
    }
    story.wait(0.01);
    for (name, _) in NODES {
        let categories = vec!["application".to_owned(), "benchmark".to_owned()];
        story.tell(CollectionStarted {
            node: node(name),
            categories,
        });
    }
    story.phase(Phase::Connect);
    connect(story);
    story.phase(Phase::Execute);
}

fn agent(story: &mut Story, name: &str, role: Role, launch: u32) {
    story.tell(AgentRequested {
        node: node(name),
        role,
        launch,
    });
    story.wait(0.05).tell(NodeJoined {
        node: node(name),
        role,
        boot: format!("{name}-{launch}"),
        pid: 4730,
        facts: HostFacts {
            host: "mel2041".to_owned(),
            kernel: "6.1.0".to_owned(),
            cpus: 2,
            memory_bytes: 8 << 30,
            open_files: 1 << 20,
            ..HostFacts::default()
        },
    });
}

fn instance() -> InstanceId {
    InstanceId::new(&node("server"), 0)
}

fn service(story: &mut Story, launch: u32) {
    let (instance, service) = (instance(), 0);
    story.tell(ServiceRequested {
        service,
        instance: instance.clone(),
        node: node("server"),
        launch,
        rank: None,
    });
    let command = ["hpcbench", "simulate"].map(str::to_owned).into();
    story.wait(0.01).tell(ServiceLaunched {
        instance: instance.clone(),
        launch,
        pid: Some(4740),
        command,
        image: Some(ServiceImage {
            path: "/images/simulator.sif".to_owned(),
            sha256: Some("0123456789abcdef".repeat(4)),
            copy: None,
        }),
        rendezvous: None,
    });
    let (endpoints, models) = (vec![ENDPOINT.to_owned()], vec!["simulated".to_owned()]);
    story.wait(0.11).tell(ServiceReady {
        instance,
        launch,
        endpoints,
        seconds: 0.11,
        models,
        load_seconds: None,
        outfit_seconds: None,
        first_token_seconds: None,
        remarks: Vec::new(),
    });
}

fn connect(story: &mut Story) {
    let endpoints = vec![(instance(), ENDPOINT.to_owned())];
    story.tell(ClientRequested {
        node: node("client"),
        endpoints,
    });
    let probes = vec![EndpointProbe {
        url: ENDPOINT.to_owned(),
        connect_seconds: 0.001,
    }];
    story.wait(0.02).tell(ClientConnected {
        node: node("client"),
        probes,
        links: Vec::new(),
    });
}

pub(super) fn start(story: &mut Story, id: &TrialId, attempt: u32) {
    let (trial, attempt) = (id.clone(), Attempt(attempt));
    story.tell(TrialStarted {
        trial: trial.clone(),
        attempt,
        clients: vec![node("client")],
    });
    story.wait(0.08).tell(TrialPrepared {
        trial: trial.clone(),
        attempt,
        node: node("client"),
    });
    story.tell(LoadStarted { trial, attempt });
}

pub(super) fn share(story: &mut Story, id: &TrialId, attempt: u32, seconds: f64) {
    let file = |kind: &str| ArtifactRecorded {
        path: format!("records/{id}/{attempt}/client.{kind}"),
        bytes: 123_456,
        sha256: "3".repeat(64),
    };
    let files = ShareFiles {
        records: file("parquet"),
        aggregate: file("aggregate.json"),
    };
    story
        .wait(seconds)
        .tell(files.records.clone())
        .tell(files.aggregate.clone())
        .tell(ShareReported {
            trial: id.clone(),
            attempt: Attempt(attempt),
            node: node("client"),
            files: Some(files),
            problem: None,
        });
}

/// The service dies and the trial with it.
fn die(story: &mut Story, id: &TrialId) {
    let log_tail = vec![
        "loading".to_owned(),
        "CUDA error: out of \u{1b}[1mmemory".to_owned(),
    ];
    let how = "signal 9 (SIGKILL)".to_owned();
    story.wait(2.5).tell(ServiceExited {
        instance: instance(),
        launch: 1,
        how,
        expected: false,
        diagnosis: None,
        log_tail: log_tail.clone(),
    });
    let reason = "service server-0 ended with signal 9 (SIGKILL)".to_owned();
    let cause = StopCause::Fault {
        reason: reason.clone(),
        log_tail: log_tail.clone(),
    };
    story.tell(TrialStopRequested {
        trial: id.clone(),
        attempt: Attempt(1),
        cause,
    });
    share(story, id, 1, 0.2);
    story.tell(TrialFailed {
        trial: id.clone(),
        attempt: Attempt(1),
        reason,
        log_tail,
        summary: None,
    });
}

pub(super) fn down(story: &mut Story) {
    let last = story.events.iter().rev().find_map(|event| match &event.body {
        hpcbench_core::event::Body::ServiceReady(ready) => Some(ready.launch),
        _ => None,
    });
    let (instance, launch) = (instance(), last.unwrap());
    story.phase(Phase::Teardown).tell(ServiceStopRequested {
        instance: instance.clone(),
        launch,
    });
    let how = "signal 15 (SIGTERM)".to_owned();
    story.wait(0.04).tell(ServiceExited {
        instance,
        launch,
        how,
        expected: true,
        diagnosis: None,
        log_tail: Vec::new(),
    });
    for (name, _) in NODES {
        story.tell(CollectionStopRequested { node: node(name) });
        story.wait(0.03).tell(CollectionStopped {
            node: node(name),
            lines: 321,
            dropped_bytes: 0,
        });
        story.tell(ArtifactRecorded {
            path: format!("logs/benchmark/{name}.agent.jsonl"),
            bytes: 4_096,
            sha256: "4".repeat(64),
        });
        story.tell(NodeLeft { node: node(name) });
    }
    let through = Seq(story.events.len() as u64);
    story.tell(StateVerified {
        through,
        equal: true,
        sha256: "5".repeat(64),
    });
}
