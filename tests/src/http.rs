//! Just enough HTTP to look at a service, with nothing of the program under test in it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// How long connecting, sending and each read may take.
const LIMIT: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

impl Response {
    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.body).with_context(|| format!("not JSON: {}", self.body))
    }
}

/// Gets a path.
///
/// # Errors
///
/// Nobody listens, or the answer is not HTTP.
pub fn get(address: SocketAddr, path: &str) -> Result<Response> {
    exchange(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
    )
}

/// Posts JSON to a path.
///
/// # Errors
///
/// Nobody listens, or the answer is not HTTP.
pub fn post(address: SocketAddr, path: &str, body: &serde_json::Value) -> Result<Response> {
    let body = body.to_string();
    let length = body.len();
    exchange(
        address,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ),
    )
}

fn exchange(address: SocketAddr, request: &str) -> Result<Response> {
    let mut stream =
        TcpStream::connect_timeout(&address, LIMIT).with_context(|| format!("cannot reach {address}"))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .with_context(|| format!("{address} did not finish its answer"))?;
    parse(&answer).with_context(|| format!("not an HTTP answer: {}", String::from_utf8_lossy(&answer)))
}

/// Reads a whole answer, after which the connection was closed.
fn parse(answer: &[u8]) -> Option<Response> {
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..split]).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let body = &answer[split + 4..];
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked {
        join_chunks(body)?
    } else {
        body.to_vec()
    };
    Some(Response {
        status,
        body: String::from_utf8(body).ok()?,
    })
}

/// Takes the chunked coding off a body.
fn join_chunks(mut coded: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = coded.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&coded[..end]).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(coded.get(end + 2..end + 2 + size)?);
        coded = coded.get(end + 2 + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_and_chunked_bodies() {
        let plain = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        assert_eq!(
            plain,
            Response {
                status: 200,
                body: "ok".to_owned()
            }
        );
        let chunked = parse(
            b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x\r\nd\r\n0\r\n\r\n",
        )
        .unwrap();
        assert_eq!(
            chunked,
            Response {
                status: 503,
                body: "abcd".to_owned()
            }
        );
    }

    #[test]
    fn refuses_what_is_cut_off() {
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nContent-"), None);
        assert_eq!(
            parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
            None
        );
        assert_eq!(parse(b"SSH-2.0"), None);
    }
}
