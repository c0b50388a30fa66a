//! Measures the service itself: opens streams in this process, keeps them busy, and compares what the service says it
//! did with the schedule it should have kept.
//!
//! `cargo run --release -p hpcbench-sim --example streams -- [STREAMS] [SECONDS] [ITL_MS] [TOKENS]`

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use hpcbench_sim::{SimDuration, Simulator, SimulatorConfig};
use hpcbench_timing::thread_cpu_nanos;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;

const TTFT_MS: u64 = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;
    let number = |place: usize, default| numbers.get(place).copied().unwrap_or(default);
    let (streams, seconds, itl_ms, tokens) = (number(0, 500), number(1, 10), number(2, 10), number(3, 64));
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let config = SimulatorConfig {
        ttft: SimDuration::from_millis(TTFT_MS),
        itl: SimDuration::from_millis(itl_ms),
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::bind(config)?;
    let (address, stop) = (simulator.address(), simulator.stop_handle());
    let server = thread::spawn(move || {
        let exit = simulator.run();
        (exit, thread_cpu_nanos())
    });
    let client_cpu = thread_cpu_nanos();
    let elapsed = load(address, streams as usize, Duration::from_secs(seconds), tokens)?;
    let client_cpu = thread_cpu_nanos() - client_cpu;
    show_truth(address, itl_ms)?;
    stop.stop();
    let (exit, server_cpu) = server.join().map_err(|_| "the service panicked")?;
    exit?;
    let share = |nanos: i64| nanos as f64 / 1e7 / elapsed.as_secs_f64();
    println!(
        "cpu of one core: service {:.1} % (with /truth), client {:.1} %",
        share(server_cpu),
        share(client_cpu)
    );
    Ok(())
}

/// One stream: a connection that asks again as soon as a response has ended.
struct Stream {
    socket: TcpStream,
    /// The last bytes read, in which the end of a response is looked for.
    tail: Vec<u8>,
}

fn load(
    address: SocketAddr,
    streams: usize,
    duration: Duration,
    tokens: u64,
) -> Result<Duration, Box<dyn Error>> {
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":"hello there"}}],"stream":true,"max_tokens":{tokens},"ignore_eos":true}}"#
    );
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut poll = Poll::new()?;
    let mut all = Vec::with_capacity(streams);
    for index in 0..streams {
        let mut socket = TcpStream::connect(address)?;
        poll.registry()
            .register(&mut socket, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        all.push(Stream {
            socket,
            tail: Vec::new(),
        });
    }
    let (start, mut open) = (Instant::now(), streams);
    let mut idle = vec![true; streams];
    let mut events = Events::with_capacity(1_024);
    let mut buffer = vec![0; 64 * 1024];
    while open > 0 {
        poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        for event in &events {
            let index = event.token().0;
            let (Some(stream), Some(idle)) = (all.get_mut(index), idle.get_mut(index)) else {
                continue;
            };
            *idle |= stream.read(&mut buffer)?;
            if *idle && start.elapsed() < duration {
                stream.socket.write_all(request.as_bytes())?;
                *idle = false;
            } else if *idle {
                open -= 1;
                *idle = false;
            }
        }
    }
    Ok(start.elapsed())
}

impl Stream {
    /// Reads all there is; true if a response has ended.
    fn read(&mut self, buffer: &mut [u8]) -> Result<bool, Box<dyn Error>> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return Err("the service closed a connection".into()),
                Ok(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    self.tail
                        .extend_from_slice(bytes.get(count.saturating_sub(5)..).unwrap_or_default());
                    let keep = self.tail.len().saturating_sub(5);
                    self.tail.drain(..keep);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let ended = self.tail == b"0\r\n\r\n";
        if ended {
            self.tail.clear();
        }
        Ok(ended)
    }
}

/// Asks for the truth and shows how late the sends were.
fn show_truth(address: SocketAddr, itl_ms: u64) -> Result<(), Box<dyn Error>> {
    let asked = Instant::now();
    let mut socket = std::net::TcpStream::connect(address)?;
    socket.write_all(b"GET /truth?sends=1 HTTP/1.1\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    socket.read_to_string(&mut text)?;
    println!(
        "/truth: {:.1} MB in {:.0} ms",
        text.len() as f64 / 1e6,
        asked.elapsed().as_secs_f64() * 1e3
    );
    let (_, body) = text.split_once("\r\n\r\n").ok_or("no body")?;
    let truth: Value = serde_json::from_str(body)?;
    println!(
        "max_concurrency {} totals {}",
        truth["max_concurrency"], truth["totals"]
    );
    let (mut late, mut first) = (Vec::new(), Vec::new());
    for entry in truth["requests"].as_object().ok_or("no requests")?.values() {
        let arrival = entry["arrival_ns"].as_i64().ok_or("no arrival")?;
        let Some(sends) = entry["sends"].as_array() else {
            continue;
        };
        for (token, send) in sends.iter().enumerate() {
            let due = arrival + ((TTFT_MS + token as u64 * itl_ms) * 1_000_000) as i64;
            let lateness = send.as_i64().ok_or("no time")? - due;
            if token == 0 {
                first.push(lateness);
            }
            late.push(lateness);
        }
    }
    show("first token late by", &mut first);
    show("any token late by", &mut late);
    Ok(())
}

fn show(what: &str, values: &mut [i64]) {
    values.sort_unstable();
    let at = |share: f64| {
        let place = ((values.len() as f64 * share).ceil() as usize).saturating_sub(1);
        values.get(place).copied().unwrap_or(0) as f64 / 1e6
    };
    println!(
        "{what} (ms): p50 {:.3} p90 {:.3} p99 {:.3} p99.9 {:.3} max {:.3} of {}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0),
        values.len()
    );
}
