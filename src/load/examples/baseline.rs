//! The least that a client can do: one thread, one poll, stamped reads, events split and nothing else. What the load
//! engine costs is compared with this, in the same regime.
//!
//! `baseline ADDRESS [STREAMS] [SECONDS] [TOKENS]`

use std::error::Error;
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hpcbench_timing::{Realtime, StampKeeper, enable_receive_stamps, recv_stamped};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};

/// Time before the measurement.
const WARM_UP: Duration = Duration::from_secs(2);

struct Stream {
    socket: TcpStream,
    established: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address: SocketAddr = arguments
        .first()
        .ok_or("usage: baseline ADDRESS [STREAMS] [SECONDS] [TOKENS]")?
        .parse()?;
    let number = |place: usize, default| {
        arguments
            .get(place)
            .map_or(Ok(default), |text| text.parse::<u64>())
    };
    let (streams, seconds, tokens) = (number(1, 500)?, number(2, 8)?, number(3, 64)?);
    let body = format!(
        r#"{{"model":"simulated","messages":[{{"role":"user","content":"{}"}}],"max_tokens":{tokens},"stream":true,"stream_options":{{"include_usage":true}}}}"#,
        "word ".repeat(64)
    );
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let _keeper = StampKeeper::new()?;
    let mut poll = Poll::new()?;
    let mut all = Vec::new();
    for slot in 0..streams as usize {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        enable_receive_stamps(&socket)?;
        poll.registry()
            .register(&mut socket, Token(slot), Interest::READABLE | Interest::WRITABLE)?;
        all.push(Stream {
            socket,
            established: false,
        });
    }
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    let (mut chunks, mut reads) = (0_u64, 0_u64);
    // Between the end of an answer and the next request, nanoseconds.
    let mut idle = 0;
    let begun = Instant::now();
    let mut start = None;
    while begun.elapsed() < WARM_UP + Duration::from_secs(seconds) {
        poll.poll(&mut events, Some(Duration::from_millis(10)))?;
        if start.is_none() && begun.elapsed() >= WARM_UP {
            start = Some((process_cpu()?, chunks, reads));
        }
        for event in &events {
            let Some(stream) = all.get_mut(event.token().0) else {
                continue;
            };
            if !stream.established {
                stream.established = true;
                stream.socket.write_all(request.as_bytes())?;
                continue;
            }
            let (found, ended) = read(stream, &mut buffer, &mut reads)?;
            chunks += found;
            if let Some(ended) = ended {
                let sent = Realtime::now();
                stream.socket.write_all(request.as_bytes())?;
                if start.is_some() {
                    idle += sent.0 - ended.0;
                }
            }
        }
    }
    let (cpu, chunks_before, reads_before) = start.ok_or("too short")?;
    let cpu = process_cpu()? - cpu;
    let chunks = chunks - chunks_before;
    println!(
        "{chunks} chunks in {} reads, {:.2} us of CPU a chunk, {:.3} streams in flight",
        reads - reads_before,
        cpu * 1e6 / chunks as f64,
        streams as f64 - idle as f64 / 1e9 / seconds as f64
    );
    Ok(())
}

/// Reads until the socket is empty: events seen, and when the end of the stream arrived, if it did.
fn read(
    stream: &mut Stream,
    buffer: &mut [u8],
    reads: &mut u64,
) -> Result<(u64, Option<Realtime>), Box<dyn Error>> {
    let (mut found, mut ended) = (0, None);
    loop {
        match recv_stamped(&stream.socket, buffer) {
            Ok(received) if received.bytes == 0 => return Err("the server closed a connection".into()),
            Ok(received) => {
                *reads += 1;
                let bytes = buffer.get(..received.bytes).unwrap_or_default();
                found += memchr::memmem::find_iter(bytes, b"\n\n").count() as u64;
                if bytes.ends_with(b"0\r\n\r\n") {
                    ended = Some(received.stamp.unwrap_or_else(Realtime::now));
                }
                if received.bytes < buffer.len() {
                    return Ok((found, ended));
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((found, ended)),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Processor time of this process so far, in seconds.
fn process_cpu() -> Result<f64, Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
