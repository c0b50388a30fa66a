use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hpcbench_sim::{Exit, SimError, Simulator, SimulatorConfig};

use crate::client::{Service, chat};

#[test]
fn ready_later_or_never() {
    let service = Service::start(r#"{"start_delay": "300ms"}"#);
    assert_eq!(service.get("/health").status, 503);
    assert_eq!(service.post("/v1/chat/completions", "", &chat(1)).status, 503);
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(service.get("/health").status, 200);
    assert_eq!(service.post("/v1/chat/completions", "", &chat(1)).status, 200);
    let never = Service::start(r#"{"never_ready": true}"#);
    assert_eq!(never.get("/health").status, 503);
}

#[test]
fn dies_in_the_middle_of_its_work() {
    let service = Service::start(r#"{"die_after": 2, "die_exit_code": 7, "ttft": "10s"}"#);
    let mut first = service.connect();
    first.send("POST", "/v1/chat/completions", "", &chat(5));
    first.read_until("\"role\"");
    let mut second = service.connect();
    second.send("POST", "/v1/chat/completions", "", &chat(5));
    assert_eq!(service.end(), Exit::Died { exit_code: 7 });
    assert!(!first.response().complete);
}

#[test]
fn hangs_with_everything_open() {
    let service = Service::start(r#"{"hang_after": 1}"#);
    let mut open = service.connect();
    open.send("GET", "/health", "", "");
    assert_eq!(open.response().status, 200);
    let mut client = service.connect();
    client.send("POST", "/v1/chat/completions", "", &chat(50));
    std::thread::sleep(Duration::from_millis(200));
    open.send("GET", "/health", "", "");
    assert!(open.is_silent(Duration::from_millis(200)));
    let mut late = service.connect();
    late.send("GET", "/health", "", "");
    assert!(late.is_silent(Duration::from_millis(200)));
    assert_eq!(service.stop(), Exit::Stopped);
}

#[test]
fn what_cannot_be_is_said() {
    let taken = Simulator::bind(SimulatorConfig::default()).unwrap();
    let config = SimulatorConfig {
        port: taken.address().port(),
        ..SimulatorConfig::default()
    };
    assert!(matches!(Simulator::bind(config), Err(SimError::Bind { .. })));
    let config = SimulatorConfig {
        jitter: 2.0,
        max_num_seqs: 0,
        ..SimulatorConfig::default()
    };
    let Err(error) = Simulator::bind(config) else {
        panic!("it was taken")
    };
    let text = error.to_string();
    assert!(
        text.contains("`jitter` is 2") && text.contains("`max_num_seqs` is 0"),
        "{text}"
    );
}

/// The example as a process; killed when dropped.
struct Process(Child);

impl Process {
    fn start(settings: &str) -> (Self, SocketAddr) {
        // Examples are built with the tests, two folders above the test's own executable.
        let own = std::env::current_exe().unwrap();
        let program = own
            .parent()
            .and_then(|deps| deps.parent())
            .unwrap()
            .join("examples/simulate");
        let mut child = Command::new(program)
            .arg(settings)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the example `simulate` is not built; run `cargo build -p hpcbench-sim --examples`");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim_end()
            .strip_prefix("listening on http://")
            .unwrap()
            .parse()
            .unwrap();
        (Self(child), address)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_says_where_it_listens_and_ends_when_told() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (mut process, address) = Process::start("{}");
        TcpStream::connect(address).unwrap();
        kill(Pid::from_raw(process.0.id() as i32), signal).unwrap();
        assert_eq!(process.0.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_process_dies_with_the_wanted_code() {
    let (mut process, address) = Process::start(r#"{"die_after": 1, "die_exit_code": 42}"#);
    let mut socket = TcpStream::connect(address).unwrap();
    std::io::Write::write_all(
        &mut socket,
        b"POST /v1/completions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    )
    .unwrap();
    assert_eq!(process.0.wait().unwrap().code(), Some(42));
}
