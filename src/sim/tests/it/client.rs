//! A small blocking HTTP client, and a service to talk to.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::Duration;

use hpcbench_sim::{Exit, SimError, Simulator, SimulatorConfig, StopHandle};
use serde_json::Value;

/// Nothing in these tests takes so long, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A service on a thread of its own; stopped when dropped.
pub(crate) struct Service {
    pub(crate) address: std::net::SocketAddr,
    stop: StopHandle,
    thread: Option<JoinHandle<Result<Exit, SimError>>>,
}

impl Service {
    /// Settings as JSON; first tokens come after 5 ms and the others 1 ms apart unless they say otherwise.
    pub(crate) fn start(settings: &str) -> Self {
        let mut all: Value = serde_json::json!({ "ttft": "5ms", "itl": "1ms" });
        let Value::Object(changes) = serde_json::from_str(settings).unwrap() else {
            panic!("no object")
        };
        all.as_object_mut().unwrap().extend(changes);
        let config: SimulatorConfig = serde_json::from_value(all).unwrap();
        let simulator = Simulator::bind(config).unwrap();
        let (address, stop) = (simulator.address(), simulator.stop_handle());
        let thread = std::thread::spawn(move || simulator.run());
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn connect(&self) -> Client {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client {
            socket,
            received: Vec::new(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        let mut client = self.connect();
        client.send("GET", path, "", "");
        client.response()
    }

    pub(crate) fn post(&self, path: &str, headers: &str, body: &str) -> Response {
        let mut client = self.connect();
        client.send("POST", path, headers, body);
        client.response()
    }

    pub(crate) fn truth(&self) -> Value {
        self.get("/truth?sends=1").json()
    }

    /// Asks for the truth until `holds`.
    pub(crate) fn truth_when(&self, holds: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..400 {
            let truth = self.truth();
            if holds(&truth) {
                return truth;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it never held: {}", self.truth());
    }

    /// Waits until the service has ended by itself.
    pub(crate) fn end(mut self) -> Exit {
        self.thread.take().unwrap().join().unwrap().unwrap()
    }

    pub(crate) fn stop(self) -> Exit {
        self.stop.stop();
        self.end()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One keep-alive connection.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    received: Vec<u8>,
}

/// A response with its body put together.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// Whether the body came to its end; else the connection did.
    pub(crate) complete: bool,
}

impl Client {
    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) {
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: sim\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.socket.write_all(text.as_bytes()).unwrap();
    }

    /// Reads one response.
    pub(crate) fn response(&mut self) -> Response {
        self.try_response()
            .expect("the connection was closed without a response")
    }

    /// Reads one response; `None` if the connection is closed before any byte of it.
    pub(crate) fn try_response(&mut self) -> Option<Response> {
        while !self.received.windows(4).any(|four| four == b"\r\n\r\n") {
            if !self.read_more() {
                assert!(
                    self.received.is_empty(),
                    "{:?}",
                    String::from_utf8_lossy(&self.received)
                );
                return None;
            }
        }
        let end = self
            .received
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap()
            + 4;
        let head: Vec<u8> = self.received.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = header(&head, "content-length").map(|text| text.parse().unwrap());
        let (body, complete) = match length {
            Some(length) => self.sized_body(length),
            None => self.chunked_body(),
        };
        Some(Response {
            status,
            head,
            body: String::from_utf8(body).unwrap(),
            complete,
        })
    }

    /// Whether nothing comes for a while, and the connection stays open.
    pub(crate) fn is_silent(&mut self, time: Duration) -> bool {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let silent = match self.socket.read(&mut [0]) {
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            Ok(_) => false,
        };
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        silent
    }

    /// Reads until `text` has come.
    pub(crate) fn read_until(&mut self, text: &str) {
        while !self
            .received
            .windows(text.len())
            .any(|window| window == text.as_bytes())
        {
            assert!(self.read_more(), "{text} never came");
        }
    }

    /// Reads until the service closes the connection.
    pub(crate) fn read_to_end(&mut self) {
        while self.read_more() {}
    }

    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 4_096];
        match self.socket.read(&mut buffer) {
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn sized_body(&mut self, length: usize) -> (Vec<u8>, bool) {
        while self.received.len() < length {
            if !self.read_more() {
                return (std::mem::take(&mut self.received), false);
            }
        }
        (self.received.drain(..length).collect(), true)
    }

    fn chunked_body(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            match httparse::parse_chunk_size(&self.received).unwrap() {
                httparse::Status::Complete((head, length))
                    if self.received.len() >= head + length as usize + 2 =>
                {
                    let chunk: Vec<u8> = self.received.drain(..head + length as usize + 2).collect();
                    body.extend_from_slice(&chunk[head..chunk.len() - 2]);
                    if length == 0 {
                        return (body, true);
                    }
                }
                _ => {
                    if !self.read_more() {
                        return (body, false);
                    }
                }
            }
        }
    }
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The data of the server-sent events.
    pub(crate) fn events(&self) -> Vec<&str> {
        self.body
            .split_terminator("\n\n")
            .map(|event| event.strip_prefix("data: ").unwrap())
            .collect()
    }

    /// The lines as JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.body
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Events that carry text.
    pub(crate) fn token_events(&self) -> usize {
        let carries = |event: &Value| {
            let choice = &event["choices"][0];
            [&choice["delta"]["content"], &choice["text"]]
                .iter()
                .any(|text| text.as_str().is_some_and(|text| !text.is_empty()))
        };
        self.events()
            .iter()
            .filter_map(|event| serde_json::from_str(event).ok())
            .filter(carries)
            .count()
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A streamed chat for so many tokens.
pub(crate) fn chat(tokens: u32) -> String {
    serde_json::json!({
        "model": "simulated", "messages": [{ "role": "user", "content": "one two three" }], "stream": true,
        "stream_options": { "include_usage": true }, "max_tokens": tokens,
    })
    .to_string()
}
