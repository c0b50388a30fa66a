//! As much of a NATS server as one client needs that publishes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// What a client published, subject and payload.
pub(crate) type Published = Vec<(String, Vec<u8>)>;

/// A server for one client.
pub(crate) struct NatsDouble {
    pub(crate) address: String,
    served: JoinHandle<(String, Published)>,
}

impl NatsDouble {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let served = std::thread::spawn(move || serve(listener.accept().unwrap().0));
        Self { address, served }
    }

    /// What the client introduced itself with, and what it published until it went.
    pub(crate) fn finish(self) -> (String, Published) {
        self.served.join().unwrap()
    }
}

fn serve(mut stream: TcpStream) -> (String, Published) {
    let info = r#"INFO {"server_id":"X","version":"2.11.0","proto":1,"headers":true,"max_payload":1048576}"#;
    write!(stream, "{info}\r\n").unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut connect, mut published) = (String::new(), Vec::new());
    let mut subscriptions: Vec<(String, String)> = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match words.first().map(String::as_str) {
            Some("CONNECT") => connect = words[1..].join(" "),
            Some("PING") => stream.write_all(b"PONG\r\n").unwrap(),
            Some("SUB") => subscriptions.push((words[1].clone(), words[2].clone())),
            Some("PUB") => {
                let mut payload = vec![0; words.last().unwrap().parse::<usize>().unwrap() + 2];
                reader.read_exact(&mut payload).unwrap();
                payload.truncate(payload.len() - 2);
                if let Some((subject, id)) = subscriptions.iter().find(|(subject, _)| *subject == words[1]) {
                    let size = payload.len();
                    write!(stream, "MSG {subject} {id} {size}\r\n").unwrap();
                    stream.write_all(&[payload.as_slice(), b"\r\n"].concat()).unwrap();
                } else {
                    published.push((words[1].clone(), payload));
                }
            }
            _ => {}
        }
        line.clear();
    }
    (connect, published)
}
