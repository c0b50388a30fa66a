//! A real nats-server for one test, and what tests put into it.
#![expect(dead_code, reason = "each test file uses a part")]

pub(crate) mod plain;

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use hpcbench_core::{Epoch, NodeId, Seq};
use hpcbench_nats::{
    Actor, Address, Agent, AgentBus, Bytes, Control, EventLine, Incoming, LogLines, Observed, ObservedEvent,
    Observer, Orchestrator, OrchestratorBus, Passwords, Port, Rendezvous, Report, ReportId, SECRET_BYTES,
    ServerConfig, find_server,
};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long a test watches that nothing happens.
pub(crate) const QUIET: Duration = Duration::from_millis(500);

pub(crate) struct TestServer {
    pub(crate) config: ServerConfig,
    pub(crate) directory: TempDir,
    pub(crate) url: String,
    child: Child,
}

pub(crate) fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

impl TestServer {
    /// A server for nodes `n1` and `n2`; none, with the reason printed, if there is no program.
    pub(crate) async fn start() -> Option<Self> {
        let program = match find_server() {
            Ok(program) => program,
            Err(error) => {
                skip(&error.to_string());
                return None;
            }
        };
        let directory = tempfile::tempdir().unwrap();
        let mut byte = 0x10;
        // Digits only: what nats-server would take for a number.
        let passwords = Passwords::generate([node("n1"), node("n2")], || {
            byte += 1;
            [byte; SECRET_BYTES]
        });
        let config = ServerConfig {
            run: "r1".parse().unwrap(),
            run_directory: directory.path().join("run"),
            store: directory.path().join("store of \"r1\""),
            host: Ipv4Addr::LOCALHOST.into(),
            port: Port::Free,
            passwords,
        };
        let (child, url) = start(&config, &program).await;
        let server = Self {
            config,
            directory,
            url,
            child,
        };
        server.write_rendezvous(Epoch(1));
        Some(server)
    }

    pub(crate) fn write_rendezvous(&self, epoch: Epoch) {
        let passwords = &self.config.passwords;
        let (observer, control) = (passwords.observer.clone(), passwords.control.clone());
        Rendezvous::new(
            self.config.run.clone(),
            epoch,
            self.url.clone(),
            observer,
            control,
        )
        .write(&self.config.run_directory)
        .unwrap();
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) fn empty_store(&self) {
        std::fs::remove_dir_all(&self.config.store).unwrap();
    }

    pub(crate) async fn start_again(&mut self, port: Port) {
        self.config.port = port;
        (self.child, self.url) = start(&self.config, &find_server().unwrap()).await;
    }

    pub(crate) fn address(&self) -> Address {
        Address {
            run: self.config.run.clone(),
            url: self.url.clone(),
            directory: self.config.run_directory.clone(),
        }
    }

    pub(crate) async fn orchestrator(&self) -> Orchestrator {
        let password = self.config.passwords.orchestrator.clone();
        Orchestrator::connect(self.address(), password, PATIENCE)
            .await
            .unwrap()
    }

    pub(crate) async fn agent(&self, name: &str) -> Agent {
        let password = self.config.passwords.nodes[&node(name)].clone();
        Agent::connect(self.address(), node(name), password, PATIENCE)
            .await
            .unwrap()
    }

    pub(crate) async fn observer(&self) -> Observer {
        Observer::connect(&self.config.run_directory, PATIENCE)
            .await
            .unwrap()
    }

    pub(crate) async fn control(&self) -> Control {
        Control::connect(&self.config.run_directory, PATIENCE)
            .await
            .unwrap()
    }

    /// A client without hpcbench's manners.
    pub(crate) async fn raw(
        &self,
        user: &str,
    ) -> (nats::Client, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let passwords = &self.config.passwords;
        let password = match user {
            "observer" => &passwords.observer,
            "control" => &passwords.control,
            "orchestrator" => &passwords.orchestrator,
            agent => &passwords.nodes[&node(agent.strip_prefix("node-").unwrap())],
        };
        let (complaints, heard) = tokio::sync::mpsc::unbounded_channel();
        let client =
            nats::ConnectOptions::with_user_and_password(user.to_owned(), password.expose().to_owned())
                .custom_inbox_prefix(format!("_INBOX_{user}"))
                .request_timeout(Some(Duration::from_secs(2)))
                .event_callback(move |event| {
                    if let nats::Event::ServerError(error) = event {
                        complaints.send(error.to_string()).ok();
                    }
                    std::future::ready(())
                })
                .connect(&self.url)
                .await
                .unwrap();
        (client, heard)
    }
}

pub(crate) fn id(counter: u64) -> ReportId {
    ReportId {
        boot: "node n1: first\nboot".to_owned(),
        counter,
    }
}

/// The next report, with its receipt sent.
pub(crate) async fn received(reports: &mut Incoming<Report>) -> (ReportId, Bytes) {
    let report = within("a report", reports.next()).await.unwrap();
    report.receipt.acknowledge().await.unwrap();
    (report.id, report.payload)
}

/// What the agent has sent before, its subscriptions too, has arrived at the server.
pub(crate) async fn introduce(agent: &Agent, bus: &Orchestrator) {
    let mut reports = bus.reports().await.unwrap();
    let (id, payload) = (id(u64::MAX), Bytes::from_static(b"ready"));
    let sent = agent.report(Actor::LogCollector, &id, payload, PATIENCE);
    let (sent, _) = tokio::join!(sent, received(&mut reports));
    sent.unwrap();
}

/// Says that a test did not run, and notes it where `make test` looks.
fn skip(reason: &str) {
    let test = std::thread::current()
        .name()
        .unwrap_or("a test of the bus")
        .to_owned();
    eprintln!("SKIPPED: {test}: {reason}");
    if let Some(notes) = std::env::var_os("HPCBENCH_TESTS_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(notes);
        let noted = file.and_then(|mut file| file.write_all(format!("{test}: {reason}\n").as_bytes()));
        noted.unwrap_or_else(|error| eprintln!("cannot note it: {error}"));
    }
}

async fn start(config: &ServerConfig, program: &Path) -> (Child, String) {
    let launch = config.launch(program.to_owned()).unwrap();
    launch.prepare().unwrap();
    let child = Command::new(&launch.program)
        .args(&launch.arguments)
        .envs(
            launch
                .environment
                .iter()
                .map(|(name, secret)| (name, secret.expose())),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let url = launch.await_ready(PATIENCE).await.unwrap();
    (child, url)
}

/// A log in memory; `history` tells two logs apart.
pub(crate) struct Log(pub(crate) Mutex<Vec<EventLine>>);

impl Log {
    pub(crate) fn of(history: &str, events: u64) -> Self {
        Self(Mutex::new((1..=events).map(|seq| line(history, seq)).collect()))
    }

    pub(crate) fn head(&self) -> Seq {
        Seq(self.0.lock().unwrap().len() as u64)
    }

    pub(crate) fn append(&self, history: &str, events: u64) -> Vec<EventLine> {
        let from = self.head().0 + 1;
        let lines: Vec<_> = (from..from + events).map(|seq| line(history, seq)).collect();
        self.0.lock().unwrap().extend(lines.iter().cloned());
        lines
    }
}

pub(crate) fn line(history: &str, seq: u64) -> EventLine {
    let kind = if seq == 1 {
        "epoch.started"
    } else {
        "trial.started"
    };
    let line = format!(r#"{{"seq":{seq},"type":"{kind}","history":"{history}"}}"#);
    EventLine {
        seq: Seq(seq),
        kind: kind.parse().unwrap(),
        line: line.into(),
    }
}

#[async_trait]
impl LogLines for Log {
    async fn read(&self, from: Seq, max: usize) -> Result<Vec<EventLine>, Box<dyn Error + Send + Sync>> {
        let lines = self.0.lock().unwrap();
        Ok(lines
            .iter()
            .skip(from.0 as usize - 1)
            .take(max)
            .cloned()
            .collect())
    }
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, future).await;
    done.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}

pub(crate) fn event(observed: Option<Observed>) -> ObservedEvent {
    match observed {
        Some(Observed::Event(event)) => event,
        other => panic!("no event but {other:?}"),
    }
}
