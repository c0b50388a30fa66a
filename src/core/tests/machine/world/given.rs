//! What runs are made of.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use hpcbench_core::event::{
    ArtifactRecorded, CancelRequested, EpochBase, EpochStarted, HostFacts, JobRequested, JobStarted,
    NodeJoined, Program, RunCreated, RunResumed, ShareFiles, ShareReported, Writer,
};
use hpcbench_core::{
    Attempt, Epoch, InstanceId, JobPolicy, NodeId, Outline, Role, SearchOutline, Seq, ServiceOutline,
    Timestamp, TrialId, TrialOutline,
};
use hpcbench_recipes::plan::{SearchPlan, SearchPoint};
use hpcbench_recipes::recipe::SearchedParameter;
use hpcbench_stats::search::{QueueTrend, Violations};
use hpcbench_stats::{RequestCounts, SloEvidence, TrialSummary, Verdict, VerdictStatus};
use serde_json::json;

/// Seconds that each load takes.
pub(crate) const LOAD_SECONDS: f64 = 10.0;
/// Seconds that it takes at the very least.
pub(crate) const LOAD_AT_LEAST_SECONDS: f64 = 9.0;

pub(crate) fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

/// The id of the trial with this number, from 1.
pub(crate) fn trial(number: usize) -> TrialId {
    format!("{number:012x}-r1").parse().unwrap()
}

pub(crate) fn server_instance() -> InstanceId {
    InstanceId::new(&node("server"), 0)
}

/// One node of each role; `services[i]` is the number of trials of the i-th configuration, each with one instance.
pub(crate) fn outline(services: &[usize]) -> Outline {
    let nodes = [
        ("orchestrator", Role::Orchestrator),
        ("server", Role::Server),
        ("client", Role::Client),
    ];
    let mut trials = Vec::new();
    for (service, count) in services.iter().enumerate() {
        for _ in 0..*count {
            trials.push(TrialOutline {
                id: trial(trials.len() + 1),
                service,
                clients: [node("client")].into(),
                load_at_least: LOAD_AT_LEAST_SECONDS,
                load_within: Some(LOAD_SECONDS),
            });
        }
    }
    let service = |setup| ServiceOutline {
        setup,
        instances: BTreeMap::from([(server_instance(), node("server"))]),
        spans: Vec::new(),
        outfit_within: 0.0,
        ready_within: 20.0,
        restarts: 2,
        restart_backoff: 1.0,
    };
    Outline {
        nodes: nodes.map(|(name, role)| (node(name), role)).into(),
        services: (0..services.len()).map(service).collect(),
        trials,
        search: None,
        policy: JobPolicy::default(),
    }
}

/// What the trials of a search have in common: from 1 client to 32.
fn search_plan() -> SearchPlan {
    let workload = json!({
        "endpoint": "chat",
        "load": {"shape": "closed", "concurrency": 1},
        "warmup": "0s",
        "window": {"duration": "10s"},
        "cooldown": "load",
        "timeout": "10s",
        "tolerance": {"failed": 0},
        "prompts": {"source": "synthetic", "input_tokens": 16, "output_tokens": 8},
        "sampling": {},
        "slo": {"ttft_p90": "100ms"},
        "goodput": {},
    });
    SearchPlan {
        parameter: SearchedParameter::Concurrency,
        from: 1.0,
        to: 32.0,
        max_trials: NonZeroU32::new(24).unwrap(),
        service: 0,
        workload: serde_json::from_value(workload).unwrap(),
    }
}

/// One node of each role, and a search.
pub(crate) fn search_outline() -> Outline {
    Outline {
        search: Some(SearchOutline::of(&search_plan(), 7, [node("client")].into())),
        ..outline(&[0])
    }
}

/// The level of a trial of that search.
fn level_of(trial: &TrialId) -> f64 {
    let points = (1..=32).flat_map(|level| (1..=24).map(move |repetition| (f64::from(level), repetition)));
    let at = |(level, repetition): &(f64, u32)| {
        let point = SearchPoint {
            level: *level,
            repetition: *repetition,
        };
        search_plan()
            .trial(point, 7)
            .is_some_and(|planned| planned.id == *trial)
    };
    points.into_iter().find(at).unwrap().0
}

/// What a trial of that search comes to, where the service carries so many clients.
pub(crate) fn searched_summary(trial: &TrialId, capacity: f64) -> Box<TrialSummary> {
    let missed = if level_of(trial) <= capacity { 0 } else { 50 };
    let violations = Violations {
        tolerated: 0.1,
        independent: true,
        batches: vec![[100, missed].into(); 20],
    };
    let mut summary = summary(VerdictStatus::Valid, 100);
    summary.slo_evidence = Some(SloEvidence {
        unusable: None,
        queue: QueueTrend::None,
        objectives: BTreeMap::from([("ttft_p90".to_owned(), violations)]),
    });
    summary
}

/// Two servers with two instances each, two clients.
pub(crate) fn wide_outline(services: &[usize]) -> Outline {
    let mut outline = outline(services);
    outline.nodes = BTreeMap::from([
        (node("orchestrator"), Role::Orchestrator),
        (node("server-a"), Role::Server),
        (node("server-b"), Role::Server),
        (node("client-a"), Role::Client),
        (node("client-b"), Role::Client),
    ]);
    for trial in &mut outline.trials {
        trial.clients = ["client-a", "client-b"].map(node).into();
    }
    for service in &mut outline.services {
        let servers = ["server-a", "server-b"].map(node);
        service.instances = servers
            .iter()
            .flat_map(|server| [0, 1].map(|index| (InstanceId::new(server, index), server.clone())))
            .collect();
    }
    outline
}

/// The same plan, with the same processes in all configurations.
pub(crate) fn alike(mut outline: Outline) -> Outline {
    for service in &mut outline.services {
        service.setup = 0;
    }
    outline
}

/// The same nodes and processes. Services with an even number run on the first server only, and the first client alone drives their
/// load.
pub(crate) fn scaling_outline(services: &[usize]) -> Outline {
    let mut outline = alike(wide_outline(services));
    for service in outline.services.iter_mut().step_by(2) {
        service.instances.retain(|_, server| *server == node("server-a"));
    }
    for trial in outline.trials.iter_mut().filter(|trial| trial.service % 2 == 0) {
        trial.clients = [node("client-a")].into();
    }
    outline
}

/// The same nodes, with one instance over both servers.
pub(crate) fn spanning_outline(services: &[usize]) -> Outline {
    let mut outline = wide_outline(services);
    for service in &mut outline.services {
        let servers = ["server-a", "server-b"].map(node);
        let processes = servers.map(|server| (InstanceId::new(&server, 0), server));
        service.spans = vec![processes.iter().map(|(id, _)| id.clone()).collect()];
        service.instances = processes.into();
    }
    outline
}

/// Two servers more, over which services with an odd number have a second instance.
pub(crate) fn growing_outline(services: &[usize]) -> Outline {
    let mut outline = alike(spanning_outline(services));
    let servers = ["server-c", "server-d"].map(node);
    outline
        .nodes
        .extend(servers.clone().map(|server| (server, Role::Server)));
    let processes = servers.map(|server| (InstanceId::new(&server, 0), server));
    for service in outline.services.iter_mut().skip(1).step_by(2) {
        service
            .spans
            .push(processes.iter().map(|(id, _)| id.clone()).collect());
        service.instances.extend(processes.clone());
    }
    outline
}

fn program() -> Program {
    Program {
        version: "0.1.0".to_owned(),
        revision: "unknown".to_owned(),
    }
}

pub(crate) fn run_created(outline: &Arc<Outline>) -> RunCreated {
    RunCreated {
        run: "run-1".parse().unwrap(),
        name: "test".to_owned(),
        plan: "0".repeat(64),
        recipe: "1".repeat(64),
        trials: outline.trials.len() as u64,
        nodes: outline.nodes.clone(),
        user: "me".to_owned(),
        host: "here".to_owned(),
        command_line: vec!["hpcbench".to_owned(), "run".to_owned()],
        program: program(),
        tools: BTreeMap::new(),
    }
}

pub(crate) fn run_resumed() -> RunResumed {
    RunResumed {
        user: "me".to_owned(),
        host: "here".to_owned(),
        command_line: vec!["hpcbench".to_owned(), "resume".to_owned()],
        tools: BTreeMap::new(),
        retry_failed: false,
    }
}

/// A job whose time is up then; the run winds down a minute earlier.
pub(crate) fn job_started(outline: &Outline, ends_at: Option<Timestamp>) -> JobStarted {
    let hosts = outline
        .nodes
        .keys()
        .map(|node| (node.clone(), format!("host-of-{node}")));
    JobStarted {
        job: "17".to_owned(),
        restarts: 0,
        hosts: hosts.collect(),
        cluster: None,
        partitions: vec!["gpu".to_owned()],
        submitted_at: None,
        started_at: None,
        ends_at,
        stop_before: 60.0,
        topology: None,
        version: "slurm 24.05".to_owned(),
        tools: BTreeMap::new(),
        by_hand: false,
    }
}

pub(crate) fn job_requested() -> JobRequested {
    JobRequested {
        key: "hpcbench-run-1-1".to_owned(),
        command: vec!["sbatch".to_owned()],
        script: "4".repeat(64),
    }
}

pub(crate) fn epoch_started(epoch: Epoch, last: Seq) -> EpochStarted {
    EpochStarted {
        epoch,
        base: EpochBase {
            epoch: Epoch(epoch.0 - 1),
            seq: last,
            hash: "2".repeat(64),
            bytes: 0,
        },
        writer: Writer {
            host: "here".to_owned(),
            pid: 1,
            process_start: 1,
            boot: None,
            pid_namespace: None,
            user: "me".to_owned(),
            program: program(),
        },
    }
}

pub(crate) fn joined(node: &NodeId, role: Role, boot: &str) -> NodeJoined {
    NodeJoined {
        node: node.clone(),
        role,
        boot: boot.to_owned(),
        pid: 7,
        facts: HostFacts {
            host: "here".to_owned(),
            kernel: "6".to_owned(),
            cpus: 2,
            memory_bytes: 1 << 33,
            open_files: 1024,
            ..HostFacts::default()
        },
    }
}

pub(crate) fn cancel(at_once: bool) -> CancelRequested {
    CancelRequested {
        source: "signal".to_owned(),
        user: Some("ada".to_owned()),
        host: Some("here".to_owned()),
        reason: "interrupted by the user".to_owned(),
        at_once,
        command_line: Vec::new(),
    }
}

pub(crate) fn share(
    node: &NodeId,
    trial: &TrialId,
    attempt: Attempt,
    problem: Option<&str>,
) -> ShareReported {
    let file = |kind: &str| ArtifactRecorded {
        path: format!("records/{trial}/{attempt}/{node}.{kind}"),
        bytes: 10,
        sha256: "3".repeat(64),
    };
    ShareReported {
        trial: trial.clone(),
        attempt,
        node: node.clone(),
        files: problem.is_none().then(|| ShareFiles {
            records: file("parquet"),
            aggregate: file("aggregate.json"),
        }),
        problem: problem.map(str::to_owned),
    }
}

/// A summary with this verdict and so many good requests out of a hundred.
pub(crate) fn summary(status: VerdictStatus, ok: u64) -> Box<TrialSummary> {
    let reasons = match status {
        VerdictStatus::Valid => Vec::new(),
        _ => vec!["the clock jumped".to_owned()],
    };
    let requests = RequestCounts {
        issued: 100,
        ok,
        error: 100 - ok,
        ..RequestCounts::default()
    };
    let errors = match requests.error {
        0 => BTreeMap::new(),
        error => BTreeMap::from([("http_status".to_owned(), error)]),
    };
    Box::new(TrialSummary {
        verdict: Verdict { status, reasons },
        requests,
        errors,
        duration_seconds: Some(LOAD_SECONDS),
        request_throughput: Some(0.1 + 0.2),
        ..TrialSummary::without_data("")
    })
}
