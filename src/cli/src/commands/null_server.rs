//! `hpcbench null-server`: answers every request at once and always the same. What is measured against it is the client's.
//!
//! A thread a connection, one read and one write a request, nothing parsed but a length, nothing allocated: a server can
//! hardly do less. Only `doctor --calibrate` starts one, for requests of its own.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use anyhow::Context;

/// Largest request that is taken.
const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// Stack of a connection's thread: there may be thousands.
const STACK_BYTES: usize = 64 * 1024;

/// Answer every request at once with one token. `doctor --calibrate` starts such a process for itself.
#[derive(Debug, clap::Args)]
pub(crate) struct NullServerArgs {}

/// Serves until it is ended from outside.
///
/// # Errors
/// It cannot listen.
pub(crate) fn run(_: &NullServerArgs) -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the null server cannot listen")?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{}", listener.local_addr()?)?;
    out.flush()?;
    let answer: Arc<[u8]> = answer().into();
    for socket in listener.incoming() {
        let (socket, answer) = (
            socket.context("the null server cannot take a connection")?,
            Arc::clone(&answer),
        );
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        thread
            .spawn(move || serve(socket, &answer))
            .context("the null server cannot start a thread")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A stream of one token.
fn answer() -> Vec<u8> {
    let event = |data: &str| format!("{:x}\r\ndata: {data}\n\n\r\n", data.len() + "data: \n\n".len());
    [
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        &event(r#"{"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}"#),
        &event(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#),
        &event(r#"{"choices":[],"usage":{"prompt_tokens":16,"completion_tokens":1,"total_tokens":17}}"#),
        &event("[DONE]"),
        "0\r\n\r\n",
    ]
    .concat()
    .into_bytes()
}

/// Answers one request after the other, until the client closes the connection or sends what is no request.
fn serve(mut socket: TcpStream, answer: &[u8]) {
    // Without it answers come all the same.
    let _ = socket.set_nodelay(true);
    let mut request = vec![0; MAX_REQUEST_BYTES];
    let mut filled = 0;
    loop {
        let free = request.get_mut(filled..).unwrap_or_default();
        match socket.read(free) {
            Ok(0) | Err(_) => return,
            Ok(bytes) => filled += bytes,
        }
        if !request.get(..filled).is_some_and(is_complete) {
            continue;
        }
        if socket.write_all(answer).is_err() {
            return;
        }
        filled = 0;
    }
}

/// Whether head and body of a request are there.
fn is_complete(request: &[u8]) -> bool {
    const LENGTH: &[u8] = b"content-length:";
    let Some(head) = find(request, b"\r\n\r\n") else {
        return false;
    };
    let mut lines = request
        .get(..head)
        .unwrap_or_default()
        .split(|byte| *byte == b'\n');
    let length = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(LENGTH.len())?;
        name.eq_ignore_ascii_case(LENGTH).then_some(value)
    });
    let digits = length
        .unwrap_or_default()
        .iter()
        .filter(|byte| byte.is_ascii_digit());
    let length = digits.fold(0_usize, |sum, digit| {
        sum.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
    });
    request.len() >= (head + 4).saturating_add(length)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_complete_with_its_body() {
        let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n";
        for (body, complete) in [("", false), ("elevenbytes", false), ("twelve bytes", true)] {
            assert_eq!(is_complete([head, body].concat().as_bytes()), complete, "{body}");
        }
        assert!(is_complete(b"GET /health HTTP/1.1\r\n\r\n"));
        assert!(!is_complete(b"GET /health HTTP/1.1\r\n"));
    }
}
