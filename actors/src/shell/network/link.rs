//! The way between a client and a server: its round trip and its bandwidth, by a few bytes there and back, and as many as go
//! through in a second.
//!
//! The other end is a socket that throws away what it gets. Any user of a cluster can reach it, as any port, so it takes little
//! from anybody: a few connections at once, for a short time each.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What a connection begins with.
const GREETING: &[u8; 8] = b"hb-link1";
/// One byte that comes back.
const PING: u8 = b'p';
/// The rest of the connection is thrown away and counted.
const DATA: u8 = b'd';
/// Round trips; the shortest counts.
const PINGS: usize = 20;
/// Connections that are served at once; further ones wait in the system's queue.
const MOST_AT_ONCE: usize = 64;
/// How long a connection may last at the other end.
const LONGEST: Duration = Duration::from_secs(10);
/// How long connecting, and waiting for the last word, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes that are read or written at once.
const CHUNK: usize = 256 << 10;

/// What was measured on the way to a server node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkQuality {
    /// The shortest round trip.
    pub rtt: Duration,
    /// Bytes that arrived.
    pub bytes: u64,
    /// How long they took, from the first to the word that the last has arrived.
    pub elapsed: Duration,
}

/// Opens the other end at an address of this node and returns its port. It lives as long as the runtime.
///
/// # Errors
/// No port can be had there.
pub async fn open_link_end(address: IpAddr) -> io::Result<u16> {
    let listener = TcpListener::bind((address, 0)).await?;
    let port = listener.local_addr()?.port();
    let room = Arc::new(Semaphore::new(MOST_AT_ONCE));
    actix::spawn(async move {
        // Nobody closes the semaphore.
        while let Ok(place) = Arc::clone(&room).acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors, for example: that may pass.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            actix::spawn(async move {
                // Whoever says something else is nobody's business.
                let _ = tokio::time::timeout(LONGEST, serve(stream)).await;
                drop(place);
            });
        }
    });
    Ok(port)
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut greeting = [0; GREETING.len()];
    stream.read_exact(&mut greeting).await?;
    if greeting != *GREETING {
        return Ok(());
    }
    loop {
        match stream.read_u8().await? {
            PING => stream.write_u8(PING).await?,
            DATA => break,
            _ => return Ok(()),
        }
    }
    let mut buffer = vec![0; CHUNK];
    let mut bytes = 0u64;
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            read => bytes = bytes.saturating_add(read as u64),
        }
    }
    stream.write_u64(bytes).await?;
    stream.shutdown().await
}

/// Measures the way to such an end, by sending for so long.
///
/// # Errors
/// It cannot be reached, or does not answer.
pub async fn measure_link(to: SocketAddr, sending: Duration) -> io::Result<LinkQuality> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let mut stream = tokio::time::timeout(PATIENCE, TcpStream::connect(to))
        .await
        .map_err(late)??;
    stream.set_nodelay(true)?;
    stream.write_all(GREETING).await?;
    let rtt = tokio::time::timeout(PATIENCE, round_trip(&mut stream))
        .await
        .map_err(late)??;
    stream.write_u8(DATA).await?;
    let chunk = vec![0; CHUNK];
    let began = Instant::now();
    let sent = tokio::time::timeout(sending + PATIENCE, async {
        while began.elapsed() < sending {
            stream.write_all(&chunk).await?;
        }
        stream.shutdown().await?;
        // What is still on its way is waited for.
        stream.read_u64().await
    });
    let bytes = sent.await.map_err(late)??;
    Ok(LinkQuality {
        rtt,
        bytes,
        elapsed: began.elapsed(),
    })
}

async fn round_trip(stream: &mut TcpStream) -> io::Result<Duration> {
    let mut shortest = Duration::MAX;
    for _ in 0..PINGS {
        let began = Instant::now();
        stream.write_u8(PING).await?;
        stream.read_u8().await?;
        shortest = shortest.min(began.elapsed());
    }
    Ok(shortest)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[actix::test]
    async fn what_was_sent_has_arrived() {
        let port = open_link_end(HERE).await.unwrap();
        let sending = Duration::from_millis(100);
        let found = measure_link((HERE, port).into(), sending).await.unwrap();
        assert!(
            found.bytes >= CHUNK as u64 && found.elapsed >= sending,
            "{found:?}"
        );
        assert!(found.rtt < sending, "{found:?}");
    }

    #[actix::test]
    async fn who_says_something_else_gets_nothing() {
        let port = open_link_end(HERE).await.unwrap();
        let mut stranger = TcpStream::connect((HERE, port)).await.unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // It may be cut off with bytes of ours unread.
        let _ = stranger.read_to_end(&mut answer).await;
        assert_eq!(answer, b"");
    }

    #[actix::test]
    async fn an_end_that_is_not_there_is_an_error() {
        let port = {
            let listener = TcpListener::bind((HERE, 0)).await.unwrap();
            listener.local_addr().unwrap().port()
        };
        assert!(
            measure_link((HERE, port).into(), Duration::from_millis(10))
                .await
                .is_err()
        );
    }
}
