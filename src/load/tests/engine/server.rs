//! Tiny servers that misbehave as told.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as a server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Number of the request on its connection, from 0.
    pub(crate) turn: usize,
    pub(crate) head: String,
    pub(crate) body: serde_json::Value,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Whether a server keeps a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Keep,
    Close,
}

/// A server with a thread per connection, on a free port, until the end of the test process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request, &mut TcpStream) -> After + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&requests));
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                thread::spawn(move || serve(socket.unwrap(), &*answer, &seen));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    mut socket: TcpStream,
    answer: &dyn Fn(&Request, &mut TcpStream) -> After,
    seen: &Mutex<Vec<Request>>,
) {
    socket.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    for turn in 0.. {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let mut request = Request {
            turn,
            head,
            body: serde_json::Value::Null,
        };
        let length = request.header("content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        request.body = serde_json::from_slice(&body).unwrap();
        seen.lock().unwrap().push(request.clone());
        if answer(&request, &mut socket) == After::Close {
            return;
        }
    }
}

pub(crate) const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// Writes text; a client that has gone is none of a server's business.
pub(crate) fn say(socket: &mut TcpStream, text: &str) {
    let _ = socket.write_all(text.as_bytes());
}

/// One event as an HTTP chunk.
pub(crate) fn event(data: &str) -> String {
    format!("{:x}\r\ndata: {data}\n\n\r\n", data.len() + 8)
}

/// A chunk of a chat with this content.
pub(crate) fn content(text: &str) -> String {
    event(&format!(
        r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#
    ))
}

pub(crate) fn role() -> String {
    event(r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#)
}

pub(crate) fn finish() -> String {
    event(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#)
}

pub(crate) fn usage(tokens: u32) -> String {
    event(&format!(
        r#"{{"choices":[],"usage":{{"prompt_tokens":7,"completion_tokens":{tokens}}}}}"#
    ))
}

pub(crate) const DONE: &str = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

/// A well-behaved stream: role, then `tokens` tokens `gap` apart, usage, end.
pub(crate) fn stream(socket: &mut TcpStream, tokens: u32, gap: Duration) -> After {
    say(socket, STREAM_HEAD);
    say(socket, &role());
    for _ in 0..tokens {
        thread::sleep(gap);
        say(socket, &content("x"));
    }
    say(socket, &format!("{}{}{DONE}", finish(), usage(tokens)));
    After::Keep
}
