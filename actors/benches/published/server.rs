//! A real nats-server, and who connects to it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hpcbench_core::NodeId;
use hpcbench_nats::{
    Address, Agent, Orchestrator, OrchestratorBus, Passwords, Port, SECRET_BYTES, ServerConfig, find_server,
};
use tempfile::TempDir;

/// The most nodes that report at once.
pub(crate) const NODES: usize = 8;
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The orchestrator's name on the bus.
pub(crate) const USER: &str = "orchestrator";

/// A nats-server as a run has it.
pub(crate) struct Server {
    pub(crate) config: ServerConfig,
    pub(crate) url: String,
    child: Child,
    _directory: TempDir,
}

impl Server {
    pub(crate) async fn start(root: &Path) -> Self {
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

    pub(crate) async fn orchestrator(&self) -> Arc<dyn OrchestratorBus> {
        let password = self.config.passwords.orchestrator.clone();
        let link = Orchestrator::connect(self.address(), password, PATIENCE).await;
        Arc::new(link.unwrap())
    }

    /// Connects the agent of `node`, from whatever thread this is awaited on.
    pub(crate) fn agent(&self, node: NodeId) -> impl Future<Output = Agent> + Send + use<> {
        let (address, password) = (self.address(), self.config.passwords.nodes[&node].clone());
        async { Agent::connect(address, node, password, PATIENCE).await.unwrap() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn node(index: usize) -> NodeId {
    format!("node-{index}").parse().unwrap()
}
