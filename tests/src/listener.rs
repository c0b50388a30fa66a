//! A plain NATS client with the observer's credential: what it hears has been acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::events::Line;

/// Pause before the bus is looked for again.
const AGAIN: Duration = Duration::from_millis(10);
/// How long reading may block, and so how late an end is noticed.
const READ: Duration = Duration::from_millis(50);
/// Longest line of the protocol that is read, in bytes.
const MAX_LINE: u64 = 64 << 10;

/// Listens to a run's events from now on, through restarts of its bus and of its orchestrator. It knows the text protocol
/// of NATS and nothing else, so what it has heard was published, which nothing is before it is durable.
#[derive(Debug)]
pub struct Listener {
    heard: Arc<Mutex<Heard>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Heard {
    lines: BTreeMap<u64, String>,
    /// What two events with one seq were.
    conflicts: Vec<String>,
}

impl Listener {
    /// Listens to the run in this directory, which need not exist yet.
    pub fn start(run: &Path) -> Self {
        let (heard, stop) = <(Arc<Mutex<Heard>>, Arc<AtomicBool>)>::default();
        let thread = thread::spawn({
            let (run, heard, stop) = (run.to_owned(), Arc::clone(&heard), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    // It fails whenever the bus goes: then there will be another.
                    let _ = listen(&run, &heard, &stop);
                    thread::sleep(AGAIN);
                }
            }
        });
        Self {
            heard,
            stop,
            thread: Some(thread),
        }
    }

    /// Stops, and returns all that it has heard, in order of their seq.
    ///
    /// # Errors
    ///
    /// It has heard two events with the same seq.
    pub fn finish(mut self) -> Result<Vec<Line>> {
        self.end();
        let heard = lock(&self.heard);
        ensure!(
            heard.conflicts.is_empty(),
            "published twice, and not the same: {:#?}",
            heard.conflicts
        );
        let line = |(seq, text): (&u64, &String)| Line {
            seq: *seq,
            text: text.clone(),
        };
        Ok(heard.lines.iter().map(line).collect())
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panicked: then a test has failed already.
            let _ = thread.join();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock(heard: &Mutex<Heard>) -> std::sync::MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects and listens until the connection ends or it is told to stop.
fn listen(run: &Path, heard: &Mutex<Heard>, stop: &AtomicBool) -> Result<()> {
    let bus = Bus::of(run)?;
    let stream = TcpStream::connect(&bus.address)?;
    stream.set_read_timeout(Some(READ))?;
    let mut to = stream.try_clone()?;
    let mut from = Patient { stream, stop };
    let mut from = BufReader::new(&mut from);
    read_line(&mut from)?;
    let connect = json!({
        "user": bus.user, "pass": bus.password, "verbose": false, "pedantic": false, "headers": true,
        "lang": "text", "version": "1", "protocol": 1,
    });
    write!(
        to,
        "CONNECT {connect}\r\nSUB hpcbench.{}.event.> 1\r\nPING\r\n",
        bus.run
    )?;
    loop {
        let line = read_line(&mut from)?;
        match line.split_ascii_whitespace().collect::<Vec<_>>().as_slice() {
            ["PING"] => to.write_all(b"PONG\r\n")?,
            ["MSG", _, _, .., total] => hear(heard, &payload(&mut from, "0", total)?),
            ["HMSG", _, _, .., headers, total] => hear(heard, &payload(&mut from, headers, total)?),
            ["-ERR", ..] => anyhow::bail!("{line}"),
            _ => {}
        }
    }
}

fn hear(heard: &Mutex<Heard>, line: &str) {
    let mut heard = lock(heard);
    let seq = serde_json::from_str::<Value>(line).ok();
    match seq.and_then(|event| event["seq"].as_u64()) {
        None => heard.conflicts.push(format!("no event: {line}")),
        Some(seq) => match heard.lines.insert(seq, line.to_owned()) {
            Some(former) if former != line => heard.conflicts.extend([former, line.to_owned()]),
            _ => {}
        },
    }
}

fn read_line(from: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    from.take(MAX_LINE).read_line(&mut line)?;
    ensure!(line.ends_with('\n'), "the connection ended");
    Ok(line)
}

/// The payload after its headers, and the line end after it.
fn payload(from: &mut impl Read, headers: &str, total: &str) -> Result<String> {
    let (headers, total): (usize, usize) = (headers.parse()?, total.parse()?);
    let mut bytes = vec![0; total + 2];
    from.read_exact(&mut bytes)?;
    let payload = bytes.get(headers..total).context("more headers than bytes")?;
    Ok(String::from_utf8(payload.to_vec())?)
}

/// What `bus.json` says.
struct Bus {
    address: String,
    run: String,
    user: String,
    password: String,
}

impl Bus {
    fn of(run: &Path) -> Result<Self> {
        let path: PathBuf = run.join("bus.json");
        let bus: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let text = |pointer: &str| {
            let text = bus.pointer(pointer).and_then(Value::as_str);
            text.map(ToOwned::to_owned)
                .with_context(|| format!("no {pointer} in bus.json"))
        };
        Ok(Self {
            address: text("/url")?.trim_start_matches("nats://").to_owned(),
            run: text("/run")?,
            user: text("/credentials/observer/user")?,
            password: text("/credentials/observer/password")?,
        })
    }
}

/// Reads until it is told to stop, however long nothing comes.
struct Patient<'a> {
    stream: TcpStream,
    stop: &'a AtomicBool,
}

impl Read for &mut Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) && !self.stop.load(Ordering::Relaxed) => {}
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_event_may_come_twice_but_not_another_in_its_place() {
        let heard = Mutex::default();
        hear(&heard, r#"{"seq":1,"a":1}"#);
        hear(&heard, r#"{"seq":1,"a":1}"#);
        assert!(lock(&heard).conflicts.is_empty());
        hear(&heard, r#"{"seq":1,"a":2}"#);
        assert_eq!(lock(&heard).conflicts.len(), 2);
    }

    #[test]
    fn reads_a_payload_behind_its_headers() {
        let mut from: &[u8] = b"NATS/1.0\r\n\r\nhello\r\nPING\r\n";
        assert_eq!(payload(&mut from, "12", "17").unwrap(), "hello");
        assert_eq!(read_line(&mut from).unwrap(), "PING\r\n");
        assert!(read_line(&mut from).is_err());
    }
}
