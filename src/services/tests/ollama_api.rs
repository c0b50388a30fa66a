//! What is known of Ollama's API, against the simulated service's side of it.
#![expect(clippy::unwrap_used, reason = "a test that gets no answer has failed")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use hpcbench_recipes::plan::ServicePlan;
use hpcbench_recipes::recipe::{Health, Restart, ServiceKind};
use hpcbench_services::{ProbeResult, find};
use hpcbench_sim::{Simulator, SimulatorConfig, StopHandle};
use serde_json::{Map, Value};

const MODEL: &str = "llama3.1:8b";

/// The simulated service, until it is dropped.
struct Running {
    address: SocketAddr,
    stop: StopHandle,
}

impl Running {
    fn start() -> Self {
        let config: SimulatorConfig = serde_json::from_value(serde_json::json!({ "model": MODEL })).unwrap();
        let simulator = Simulator::bind(config).unwrap();
        let (address, stop) = (simulator.address(), simulator.stop_handle());
        thread::spawn(move || simulator.run());
        Self { address, stop }
    }

    /// The status and body of an answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.as_bytes().to_vec())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

const OLLAMA: ServiceKind = ServiceKind::named("ollama");

fn plan(model: &str) -> ServicePlan {
    ServicePlan {
        kind: OLLAMA,
        model: model.to_owned(),
        image: None,
        options: find(&OLLAMA).unwrap().complete_options(&Map::new()).unwrap(),
        endpoints: Vec::new(),
        server_nodes: None,
        instances_per_node: 1,
        nodes_per_instance: std::num::NonZeroU32::MIN,
        environment: [].into(),
        secrets: [].into(),
        binds: Vec::new(),
        health: Health::default(),
        restart: Restart::default(),
        insecure: false,
    }
}

#[test]
fn a_server_is_ready_when_it_lists_the_model() {
    let server = Running::start();
    let service = find(&OLLAMA).unwrap();
    let readiness = service.readiness(&plan(MODEL)).unwrap();
    let (status, _) = server.ask("GET", &readiness.probe.path, "");
    assert_eq!(readiness.probe.judge(status), ProbeResult::Ready);
    let list = readiness.models.unwrap();
    let (status, body) = server.ask("GET", &list.path, "");
    assert_eq!(status, 200);
    let names = list.names(&body).unwrap();
    assert!(
        !list.lacks(&names, MODEL) && list.lacks(&names, "mistral:7b"),
        "{names:?}"
    );
}

#[test]
fn an_empty_prompt_loads_the_model() {
    let server = Running::start();
    let warmup = find(&OLLAMA).unwrap().warmup(&plan(MODEL)).unwrap();
    let loaded = || {
        warmup
            .loaded(&server.ask("GET", warmup.loaded_path, "").1)
            .unwrap()
    };
    assert_eq!(loaded(), None);
    let (status, body) = server.ask("POST", warmup.path, &warmup.body.to_string());
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&answer["done"], &answer["done_reason"]),
        (&Value::Bool(true), &Value::from("load"))
    );
    assert!(loaded().unwrap().gpu_bytes > 0);
}
