//! When a started nats-server is ready: it has told its port, and greets there.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::Launch;
use super::launch::ports_files;
use crate::limits::{MAX_INFO_LINE, READY_POLL};

/// nats-server did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It never told its port.
    #[error("nats-server wrote no ports file into {} within {waited:?}", directory.display())]
    NoPort {
        /// Where it should be.
        directory: PathBuf,
        /// The time limit.
        waited: Duration,
    },
    /// It did not greet.
    #[error("nats-server at {address} did not greet with INFO within {waited:?}")]
    Silent {
        /// Where it should listen.
        address: SocketAddr,
        /// The time limit.
        waited: Duration,
        /// The last attempt's failure, if it was not the time.
        #[source]
        source: Option<io::Error>,
    },
}

/// A ports file; other kinds of ports are off.
#[derive(Deserialize)]
struct Ports {
    nats: Vec<String>,
}

impl Launch {
    /// Waits until the started nats-server is ready, and gives its URL. Whoever started it should watch for its exit
    /// meanwhile.
    pub async fn await_ready(&self, deadline: Duration) -> Result<String, NotReady> {
        let until = Instant::now() + deadline;
        let port = self.await_port(until).await.ok_or_else(|| NotReady::NoPort {
            directory: self.ports_directory().to_owned(),
            waited: deadline,
        })?;
        let address = SocketAddr::new(self.host(), port);
        let mut last = None;
        while Instant::now() < until {
            match timeout_at(until, greeting(address)).await {
                Ok(Ok(())) => return Ok(format!("nats://{address}")),
                Ok(Err(error)) => last = Some(error),
                Err(_) => break,
            }
            sleep(READY_POLL).await;
        }
        Err(NotReady::Silent {
            address,
            waited: deadline,
            source: last,
        })
    }

    async fn await_port(&self, until: Instant) -> Option<u16> {
        loop {
            // The folder is on this node: looking is quick. A file that is being written is read at the next look.
            let files = ports_files(self.ports_directory()).unwrap_or_default();
            if let Some(port) = files
                .into_iter()
                .find_map(|path| port(&fs::read_to_string(path).ok()?))
            {
                return Some(port);
            }
            if Instant::now() >= until {
                return None;
            }
            sleep(READY_POLL).await;
        }
    }
}

fn port(text: &str) -> Option<u16> {
    let ports: Ports = serde_json::from_str(text).ok()?;
    ports.nats.first()?.rsplit(':').next()?.parse().ok()
}

async fn greeting(address: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let mut line = Vec::new();
    BufReader::new(stream)
        .take(MAX_INFO_LINE as u64)
        .read_until(b'\n', &mut line)
        .await?;
    if line.starts_with(b"INFO ") {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "something else listens there",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_ports_files_only() {
        assert_eq!(port(r#"{"nats":["nats://127.0.0.1:43163"]}"#), Some(43163));
        assert_eq!(port(r#"{"nats":["nats://[::1]:4222"]}"#), Some(4222));
        for text in ["", r#"{"nats":["nats://127"#, r#"{"nats":[]}"#, "{}"] {
            assert_eq!(port(text), None);
        }
    }
}
