//! The barest program that syncs a line and then publishes it: one thread that nobody has to wake, one file, one socket, and no
//! report to begin with. What it takes, every way from a report to an acknowledged event takes at least.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use hpcbench_core::Seq;
use serde_json::json;
use tokio::sync::mpsc;

use crate::publisher::LogReader;
use crate::server::{Server, USER};
use crate::way::{Times, open};
use crate::{LINE, appended};

/// Syncs and publishes lines, one after the other.
pub(crate) async fn times(server: &Server, root: &Path, turn: Duration) -> Times {
    let dir = tempfile::tempdir_in(root).unwrap();
    // A stream with the first event of a log, to be continued.
    let (synced, _told) = mpsc::unbounded_channel();
    open(dir.path(), synced).close().unwrap();
    let bus = server.orchestrator().await;
    let log = LogReader::new(dir.path().to_path_buf());
    bus.catch_up(Seq(1), &log).await.unwrap();
    drop(bus);

    let mut client = Client::connect(server);
    let mut file = appended(dir.path());
    let begin = Instant::now();
    let mut times = Times::default();
    for last in 1.. {
        if begin.elapsed() >= turn {
            break;
        }
        let start = Instant::now();
        file.write_all(&LINE).unwrap();
        file.sync_data().unwrap();
        times.synced.push(start.elapsed());
        client.publish(last);
        times.published.push(start.elapsed());
    }
    times
}

/// As much of NATS's protocol as one acknowledged publish takes: <https://docs.nats.io/reference/reference-protocols/nats-protocol>.
struct Client {
    socket: BufReader<TcpStream>,
    subject: String,
    inbox: String,
    line: String,
}

impl Client {
    fn connect(server: &Server) -> Self {
        let address = server.url.trim_start_matches("nats://");
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut client = Self {
            socket: BufReader::new(socket),
            subject: format!("hpcbench.{}.event.trial.prepared", server.config.run),
            inbox: format!("_INBOX_{USER}.floor"),
            line: String::new(),
        };
        client.read_until("INFO ");
        let password = server.config.passwords.orchestrator.expose();
        let options = json!({
            "user": USER, "pass": password, "headers": true, "no_responders": true,
            "verbose": false, "pedantic": false, "lang": "rust", "version": "0",
        });
        let inbox = &client.inbox;
        let hello = format!("CONNECT {options}\r\nSUB {inbox} 1\r\nPING\r\n");
        client.socket.get_mut().write_all(hello.as_bytes()).unwrap();
        client.read_until("PONG");
        client
    }

    /// Publishes a line behind the stream's `last` and waits until it is stored.
    fn publish(&mut self, last: u64) {
        let headers = format!(
            "NATS/1.0\r\nNats-Expected-Last-Sequence: {last}\r\nNats-Expected-Stream: EVENTS\r\n\r\n"
        );
        let (subject, inbox) = (&self.subject, &self.inbox);
        let lengths = [headers.len(), headers.len() + LINE.len()];
        let [head, all] = lengths;
        let mut message = format!("HPUB {subject} {inbox} {head} {all}\r\n{headers}").into_bytes();
        message.extend_from_slice(&LINE);
        message.extend_from_slice(b"\r\n");
        self.socket.get_mut().write_all(&message).unwrap();
        self.read_until("MSG ");
        let length = self.line.trim_end().rsplit(' ').next().unwrap();
        let mut answer = vec![0; length.parse::<usize>().unwrap() + "\r\n".len()];
        self.socket.read_exact(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains(&format!("\"seq\":{}", last + 1)), "{answer}");
    }

    /// Reads lines until one begins like this.
    fn read_until(&mut self, beginning: &str) {
        loop {
            self.line.clear();
            self.socket.read_line(&mut self.line).unwrap();
            if self.line.starts_with(beginning) {
                return;
            }
            assert!(
                !self.line.is_empty() && !self.line.starts_with("-ERR"),
                "{}",
                self.line
            );
            if self.line.starts_with("PING") {
                self.socket.get_mut().write_all(b"PONG\r\n").unwrap();
            }
        }
    }
}
