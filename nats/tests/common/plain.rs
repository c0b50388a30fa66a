//! A nats-server that is not hpcbench's.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hpcbench_nats::find_server;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{skip, within};

pub(crate) struct PlainServer {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl PlainServer {
    /// A server with this configuration, in which `STORE` is a directory of its own; none, with the reason printed, if
    /// there is no program.
    pub(crate) async fn start(config: &str) -> Option<Self> {
        let program = match find_server() {
            Ok(program) => program,
            Err(error) => {
                skip(&error.to_string());
                return None;
            }
        };
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let file = at.join("nats-server.conf");
        let store = at.join("store");
        std::fs::write(&file, config.replace("STORE", store.to_str().unwrap())).unwrap();
        let child = Command::new(program)
            .args(["-a", "127.0.0.1", "-p", "-1", "-c"])
            .arg(&file)
            .arg("--ports_file_dir")
            .arg(at)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let ports = at.join(format!("nats-server_{}.ports", child.id().unwrap()));
        let port = within("the ports file", port(&ports)).await;
        Some(Self {
            child,
            port,
            _directory: directory,
        })
    }

    pub(crate) fn url(&self, credentials: &str) -> String {
        format!("nats://{credentials}127.0.0.1:{}", self.port)
    }

    /// Lets it do nothing until [`Self::go_on`].
    pub(crate) fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().unwrap().cast_signed());
        kill(pid, signal).unwrap();
    }

    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}

async fn port(ports: &Path) -> u16 {
    loop {
        let text = std::fs::read(ports).unwrap_or_default();
        if let Ok(read) = serde_json::from_slice::<serde_json::Value>(&text) {
            let url = read["nats"][0].as_str().unwrap().to_owned();
            return url.rsplit(':').next().unwrap().parse().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
