//! From a report's arrival to its event synced and published, against the raw disk, in the same run and the same directory.
//!
//! `cargo bench -p hpcbench-actors --bench published [-- SECONDS]`, with nats-server on the `PATH` or named by
//! `HPCBENCH_NATS_SERVER`. The directory is `HPCBENCH_BENCH_DIR`, else the build's own temporary one: it should be on the
//! disk that runs are written to. Only figures of a machine that does nothing else mean something.
//!
//! The way is the orchestrator's: a report comes out of the REPORTS stream of a real nats-server, its event is appended to
//! a real journal, and once the journal's thread has told that it is synced, the orchestrator's own publisher hands it to
//! the EVENTS stream, whose acknowledgement ends the time. Only the decision is not part of it: one event is what each
//! report comes to. Agents are those of the bus: the next report follows the receipt of the last.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[expect(dead_code, reason = "its tests are compiled here too and do not run")]
#[path = "../src/orchestrator/publisher.rs"]
mod publisher;
#[expect(dead_code, reason = "the benchmark uses a part")]
#[path = "../src/orchestrator/bus/slot.rs"]
mod slot;
mod bus {
    pub(super) use crate::slot::BusSlot;
}

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hpcbench_core::event::Draft;
use hpcbench_core::message::ReportId;
use hpcbench_core::{Actor, Epoch, NodeId, Seq, Timestamp};
use hpcbench_journal::{DirStorage, Entry, Journal, Opening, SyncOutcome};
use hpcbench_nats::{
    Address, Agent, AgentBus, Incoming, Orchestrator, OrchestratorBus, Passwords, Port, Receipt, Report,
    SECRET_BYTES, ServerConfig, find_server,
};
use publisher::{LogReader, Publisher};
use serde_json::Map;
use serde_json::value::RawValue;
use tempfile::TempDir;
use tokio::sync::mpsc;

const ROUNDS: usize = 5;
const NODES: usize = 8;
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of an event's data, which a report of such a length leads to.
const DATA: &str =
    r#"{"trial":"0123456789ab-r1","attempt":1,"parameters":{"workload.load.concurrency":100}}"#;
/// Bytes of a line with it.
const LINE_BYTES: usize = 420;

fn main() {
    let seconds = std::env::args().find_map(|argument| argument.parse().ok());
    let root = std::env::var_os("HPCBENCH_BENCH_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let turn = Duration::from_secs_f64(seconds.unwrap_or(15.0) / (3 * ROUNDS) as f64);
    actix::System::new().block_on(bench(&root, turn));
}

async fn bench(root: &Path, turn: Duration) {
    let server = Server::start(root).await;
    let (mut raw, mut one, mut many) = (Vec::new(), Times::default(), Times::default());
    for _ in 0..ROUNDS {
        raw.extend(raw_times(root, turn));
        one.add(reported_times(&server, root, 1, turn).await);
        many.add(reported_times(&server, root, NODES, turn).await);
    }
    let raw = Latencies::of(raw);
    println!("raw write + fdatasync           {raw}");
    for (name, times) in [("one node", one), ("eight nodes at once", many)] {
        println!(
            "{name}: report arrived → synced    {}",
            Latencies::of(times.synced)
        );
        let published = Latencies::of(times.published);
        let ratio = published.p99.as_secs_f64() / raw.p99.as_secs_f64();
        println!("{name}: report arrived → published {published} = {ratio:.2} × raw p99 (wanted: under 2)");
    }
}

/// The middle and the slow end of some durations.
struct Latencies {
    count: usize,
    p50: Duration,
    p99: Duration,
}

impl Latencies {
    fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
        Self {
            count: all.len(),
            p50: at(0.5),
            p99: at(0.99),
        }
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:6} times, p50 {:.3?}, p99 {:.3?}",
            self.count, self.p50, self.p99
        )
    }
}

/// Since a report's arrival.
#[derive(Default)]
struct Times {
    synced: Vec<Duration>,
    published: Vec<Duration>,
}

impl Times {
    fn add(&mut self, other: Self) {
        self.synced.extend(other.synced);
        self.published.extend(other.published);
    }
}

/// Appends lines of an event's length to a file, each synced.
fn raw_times(root: &Path, turn: Duration) -> Vec<Duration> {
    let dir = tempfile::tempdir_in(root).unwrap();
    let path = dir.path().join("raw");
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(path)
        .unwrap();
    let line = [b'x'; LINE_BYTES];
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed() < turn {
        let start = Instant::now();
        file.write_all(&line).unwrap();
        file.sync_data().unwrap();
        times.push(start.elapsed());
    }
    times
}

/// A nats-server as a run has it.
struct Server {
    config: ServerConfig,
    url: String,
    child: Child,
    _directory: TempDir,
}

impl Server {
    async fn start(root: &Path) -> Self {
        let directory = tempfile::tempdir_in(root).unwrap();
        let mut byte = 0;
        let passwords = Passwords::generate((0..NODES).map(node), || {
            byte += 1;
            [byte; SECRET_BYTES]
        });
        let config = ServerConfig {
            run: "bench".parse().unwrap(),
            run_directory: directory.path().join("run"),
            store: directory.path().join("store"),
            host: Ipv4Addr::LOCALHOST.into(),
            port: Port::Free,
            passwords,
        };
        let launch = config.launch(find_server().unwrap()).unwrap();
        launch.prepare().unwrap();
        let environment = launch.environment.iter();
        let child = Command::new(&launch.program)
            .args(&launch.arguments)
            .envs(environment.map(|(name, secret)| (name, secret.expose())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = launch.await_ready(PATIENCE).await.unwrap();
        Self {
            config,
            url,
            child,
            _directory: directory,
        }
    }

    fn address(&self) -> Address {
        Address {
            run: self.config.run.clone(),
            url: self.url.clone(),
            directory: self.config.run_directory.clone(),
        }
    }

    async fn orchestrator(&self) -> Arc<dyn OrchestratorBus> {
        let password = self.config.passwords.orchestrator.clone();
        let link = Orchestrator::connect(self.address(), password, PATIENCE).await;
        Arc::new(link.unwrap())
    }

    async fn agent(&self, node: NodeId) -> Agent {
        let password = self.config.passwords.nodes[&node].clone();
        Agent::connect(self.address(), node, password, PATIENCE)
            .await
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn node(index: usize) -> NodeId {
    format!("node-{index}").parse().unwrap()
}

/// Lets so many agents report.
async fn reported_times(server: &Server, root: &Path, nodes: usize, turn: Duration) -> Times {
    let dir = tempfile::tempdir_in(root).unwrap();
    let (synced, told) = mpsc::unbounded_channel();
    let journal = open(dir.path(), synced);
    let bus = server.orchestrator().await;
    bus.catch_up(Seq(1), &LogReader::new(dir.path().to_path_buf()))
        .await
        .unwrap();
    let reports = bus.reports().await.unwrap();
    let slot = slot::BusSlot::new();
    slot.fill(bus);
    let publisher = Rc::new(Publisher::start(dir.path().to_path_buf(), slot));
    let until = Instant::now() + turn;
    let mut agents = Vec::new();
    for index in 0..nodes {
        let agent = server.agent(node(index)).await;
        agents.push(actix::spawn(report_until(agent, until)));
    }
    let done = futures::future::join_all(agents);
    let way = Way {
        journal,
        publisher,
        waiting: VecDeque::new(),
        times: Rc::default(),
    };
    way.go(reports, told, done).await
}

async fn report_until(agent: Agent, until: Instant) {
    let mut id = ReportId {
        boot: format!("{}-1-1-1", agent.node()),
        counter: 0,
    };
    while Instant::now() < until {
        id.counter += 1;
        let payload = DATA.into();
        agent
            .report(Actor::ClientPool, &id, payload, PATIENCE)
            .await
            .unwrap();
    }
}

fn open(run_dir: &Path, synced: mpsc::UnboundedSender<Vec<Arc<Entry>>>) -> Journal {
    let opening = Opening {
        node: node(0),
        actor: "orchestrator".to_owned(),
        correlation: "run".to_owned(),
        data: Map::new(),
        dead_through: Epoch(u32::MAX),
        clock: &|| Timestamp::from_micros(1_764_016_496_000_000),
        wait: &mut |_| {},
        history: &mut drop,
    };
    let on_sync = Box::new(move |outcome| match outcome {
        SyncOutcome::Synced { entries, .. } => drop(synced.send(entries)),
        other => panic!("{other:?}"),
    });
    Journal::open(Arc::new(DirStorage::new(run_dir)), opening, on_sync)
        .unwrap()
        .journal
}

/// The orchestrator's part.
struct Way {
    journal: Journal,
    publisher: Rc<Publisher>,
    /// Reports whose event is not synced yet.
    waiting: VecDeque<(Seq, Instant, Receipt)>,
    times: Rc<RefCell<Times>>,
}

impl Way {
    async fn go(
        mut self,
        mut reports: Incoming<Report>,
        mut told: mpsc::UnboundedReceiver<Vec<Arc<Entry>>>,
        done: impl Future,
    ) -> Times {
        let mut done = std::pin::pin!(done);
        loop {
            tokio::select! {
                report = reports.next() => self.append(report.unwrap()),
                entries = told.recv() => self.synced(entries.unwrap()),
                _ = &mut done => break,
            }
        }
        let head = self.journal.head().seq;
        self.publisher.flush(head, PATIENCE).await;
        // Their tasks are told of it in the same turn as this one.
        while Rc::strong_count(&self.times) > 1 {
            tokio::task::yield_now().await;
        }
        self.journal.close().unwrap();
        self.times.take()
    }

    fn append(&mut self, report: Report) {
        let arrived = Instant::now();
        let draft = Draft {
            at: Timestamp::from_micros(1_764_016_496_000_000),
            kind: "trial.prepared".to_owned(),
            version: 1,
            actor: report.actor.as_str().to_owned(),
            node: report.node,
            correlation: "trial/0123456789ab-r1/1".to_owned(),
            causation: Some(Seq(1)),
            data: RawValue::from_string(DATA.to_owned()).unwrap(),
        };
        let entries = self.journal.append(vec![draft]).unwrap();
        self.waiting
            .push_back((entries[0].event.seq, arrived, report.receipt));
    }

    fn synced(&mut self, entries: Vec<Arc<Entry>>) {
        let Some(through) = entries.last().map(|entry| entry.event.seq) else {
            return;
        };
        self.publisher.publish(entries);
        while let Some((seq, arrived, receipt)) = self.waiting.pop_front_if(|(seq, ..)| *seq <= through) {
            self.times.borrow_mut().synced.push(arrived.elapsed());
            actix::spawn(async move { drop(receipt.acknowledge().await) });
            let (publisher, times) = (Rc::clone(&self.publisher), Rc::clone(&self.times));
            actix::spawn(async move {
                publisher.flush(seq, PATIENCE).await;
                times.borrow_mut().published.push(arrived.elapsed());
            });
        }
    }
}
