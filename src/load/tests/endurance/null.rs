//! A server that answers at once, always the same, and remembers nothing: whatever a test measures is the client's.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use hpcbench_load::Dialect;

/// Largest request that is taken.
const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// Starts a server whose every answer streams so many tokens, each written with a call of its own. It runs until the
/// end of the process.
pub(crate) fn start(dialect: Dialect, tokens: usize) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let answer: Arc<[Vec<u8>]> = match dialect {
        Dialect::Chat | Dialect::Completions => answer(tokens).into(),
        Dialect::Generate | Dialect::OllamaChat => lines(tokens).into(),
    };
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || serve(socket, &answer));
        }
    });
    address
}

/// The parts of an answer, each for one write.
fn answer(tokens: usize) -> Vec<Vec<u8>> {
    let event = |data: &str| format!("{:x}\r\ndata: {data}\n\n\r\n", data.len() + 8).into_bytes();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let token = event(r#"{"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}"#);
    let usage = format!(r#"{{"choices":[],"usage":{{"prompt_tokens":7,"completion_tokens":{tokens}}}}}"#);
    let mut parts = vec![head.as_bytes().to_vec()];
    parts.extend(std::iter::repeat_n(token, tokens));
    let end = [
        event(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#),
        event(&usage),
        event("[DONE]"),
        b"0\r\n\r\n".to_vec(),
    ];
    parts.push(end.concat());
    parts
}

/// The parts of an answer of Ollama's, each for one write.
fn lines(tokens: usize) -> Vec<Vec<u8>> {
    let line = |data: &str| format!("{:x}\r\n{data}\n\r\n", data.len() + 1).into_bytes();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    let token = line(r#"{"model":"m","response":" word","done":false}"#);
    let last =
        format!(r#"{{"model":"m","response":"","done":true,"done_reason":"length","eval_count":{tokens}}}"#);
    let mut parts = vec![head.as_bytes().to_vec()];
    parts.extend(std::iter::repeat_n(token, tokens));
    parts.push([line(&last), b"0\r\n\r\n".to_vec()].concat());
    parts
}

/// Answers one request after the other; nothing is allocated for them.
fn serve(mut socket: TcpStream, answer: &[Vec<u8>]) {
    let _ = socket.set_nodelay(true);
    let mut buffer = vec![0; MAX_REQUEST_BYTES];
    loop {
        let mut filled = 0;
        loop {
            match socket.read(&mut buffer[filled..]) {
                Ok(0) | Err(_) => return,
                Ok(bytes) => filled += bytes,
            }
            if is_complete(&buffer[..filled]) {
                break;
            }
        }
        if answer.iter().any(|part| socket.write_all(part).is_err()) {
            return;
        }
    }
}

/// Whether head and body of a request are there.
fn is_complete(request: &[u8]) -> bool {
    const LENGTH: &[u8] = b"Content-Length: ";
    let Some(end) = find(request, b"\r\n\r\n") else {
        return false;
    };
    let digits = find(&request[..end], LENGTH).map(|at| &request[at + LENGTH.len()..end]);
    let digits = digits
        .unwrap_or_default()
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    request.len() >= end + 4 + length
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
