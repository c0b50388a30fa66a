//! Response heads.

use httparse::{EMPTY_HEADER, Header, Response, Status};

use super::BodyDecoder;
use crate::fault::Fault;

/// Largest head of a response.
pub(crate) const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Most header lines of a response.
const MAX_HEADERS: usize = 128;

/// How a TLS server's answer to a request in plain begins: an alert.
const TLS_ALERT: &[u8] = b"\x15\x03";

/// What a response's head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// Status code.
    pub(crate) status: u16,
    /// How the body's end is known.
    pub(crate) body: BodyDecoder,
    /// Whether the connection may carry another request.
    pub(crate) keep_alive: bool,
    /// What the body claims to be.
    pub(crate) content: Content,
    /// The body is compressed, or encoded in some other way.
    pub(crate) encoded: bool,
}

/// What a body claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// `text/event-stream`.
    EventStream,
    /// `application/json`: one document.
    Json,
    /// Anything else, or nothing said.
    Other,
}

/// Reads a head from the start of `bytes`: the head and its length, or `None` while it is not complete.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, Fault> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(Status::Complete(length)) => {
            let status = response.code.unwrap_or(0);
            let head = interpret(status, response.version == Some(1), response.headers)?;
            Ok(Some((head, length)))
        }
        Ok(Status::Partial) if bytes.len() >= MAX_HEAD_BYTES => Err(Fault::too_large(format!(
            "the response's head is longer than {MAX_HEAD_BYTES} bytes"
        ))),
        Ok(Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(Fault::too_large(format!(
            "the response has more than {MAX_HEADERS} headers"
        ))),
        Err(_) if bytes.starts_with(TLS_ALERT) => Err(Fault::malformed(
            "the server speaks TLS: an https:// URL may be meant",
        )),
        Err(error) => Err(Fault::malformed(format!("not an HTTP/1.1 response: {error}"))),
    }
}

fn interpret(status: u16, http_1_1: bool, headers: &[Header<'_>]) -> Result<Head, Fault> {
    let mut length = None;
    let mut chunked = false;
    let mut keep_alive = http_1_1;
    let mut content = Content::Other;
    let mut encoded = false;
    for header in headers {
        let value = header.value.trim_ascii();
        if header.name.eq_ignore_ascii_case("content-length") {
            let this = content_length(value)?;
            if length.is_some_and(|other| other != this) {
                return Err(Fault::malformed("two different values of content-length"));
            }
            length = Some(this);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::malformed("a transfer-encoding other than chunked"));
            }
            chunked = true;
        } else if header.name.eq_ignore_ascii_case("connection") {
            keep_alive = connection_stays(value, keep_alive);
        } else if header.name.eq_ignore_ascii_case("content-type") {
            content = content_of(value);
        } else if header.name.eq_ignore_ascii_case("content-encoding") {
            encoded |= !value.eq_ignore_ascii_case(b"identity");
        }
    }
    let body = match length {
        _ if matches!(status, 100..=199 | 204 | 304) => BodyDecoder::empty(),
        _ if chunked => BodyDecoder::chunked(),
        Some(length) => BodyDecoder::length(length),
        None => BodyDecoder::until_close(),
    };
    // Both at once is how requests are smuggled past a proxy: the connection is not to be trusted any more.
    let keep_alive = keep_alive && !(chunked && length.is_some()) && !body.ends_with_connection();
    Ok(Head {
        status,
        body,
        keep_alive,
        content,
        encoded,
    })
}

fn content_length(value: &[u8]) -> Result<u64, Fault> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(value)
        .ok()
        .filter(|_| digits)
        .and_then(|text| text.parse().ok());
    number.ok_or_else(|| Fault::malformed("content-length is no number"))
}

fn connection_stays(value: &[u8], otherwise: bool) -> bool {
    let mut options = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    if options
        .clone()
        .any(|option| option.eq_ignore_ascii_case(b"close"))
    {
        false
    } else {
        otherwise || options.any(|option| option.eq_ignore_ascii_case(b"keep-alive"))
    }
}

fn content_of(value: &[u8]) -> Content {
    let name = value
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or(value)
        .trim_ascii();
    if name.eq_ignore_ascii_case(b"text/event-stream") {
        Content::EventStream
    } else if name.eq_ignore_ascii_case(b"application/json") {
        Content::Json
    } else {
        Content::Other
    }
}

#[cfg(test)]
mod tests {
    use hpcbench_records::ErrorKind;

    use super::*;

    fn head(lines: &[&str]) -> Result<Head, Fault> {
        let text = format!("{}\r\n\r\n", lines.join("\r\n"));
        parse_head(text.as_bytes()).map(|head| head.unwrap().0)
    }

    #[test]
    fn framing_follows_the_headers() {
        let ok = "HTTP/1.1 200 OK";
        assert_eq!(
            head(&[ok, "Content-Length: 5"]).unwrap().body,
            BodyDecoder::length(5)
        );
        assert_eq!(
            head(&[ok, "Transfer-Encoding: Chunked"]).unwrap().body,
            BodyDecoder::chunked()
        );
        let until_close = head(&[ok]).unwrap();
        assert!(until_close.body.ends_with_connection() && !until_close.keep_alive);
        assert_eq!(head(&["HTTP/1.1 204 No"]).unwrap().body, BodyDecoder::empty());
        let both = head(&[ok, "content-length: 5", "transfer-encoding: chunked"]).unwrap();
        assert!(both.body == BodyDecoder::chunked() && !both.keep_alive);
    }

    #[test]
    fn connections_stay_or_close() {
        let keep = |version, connection| {
            let lines = [version, "content-length: 0", connection];
            head(&lines[..if connection.is_empty() { 2 } else { 3 }])
                .unwrap()
                .keep_alive
        };
        assert!(keep("HTTP/1.1 200 OK", ""));
        assert!(!keep("HTTP/1.1 200 OK", "Connection: foo, Close"));
        assert!(!keep("HTTP/1.0 200 OK", ""));
        assert!(keep("HTTP/1.0 200 OK", "Connection: Keep-Alive"));
    }

    #[test]
    fn content_types() {
        let content = |value| head(&["HTTP/1.1 200 OK", value]).unwrap().content;
        assert_eq!(
            content("Content-Type: text/event-stream; charset=utf-8"),
            Content::EventStream
        );
        assert_eq!(content("Content-Type: application/json"), Content::Json);
        assert_eq!(content("Content-Type: application/x-ndjson"), Content::Other);
    }

    #[test]
    fn content_encodings() {
        let encoded = |value| head(&["HTTP/1.1 200 OK", value]).unwrap().encoded;
        assert!(encoded("Content-Encoding: br"));
        assert!(!encoded("Content-Encoding: Identity") && !encoded("Vary: content-encoding"));
    }

    #[test]
    fn bad_heads_are_faults() {
        let ok = "HTTP/1.1 200 OK";
        for lines in [
            &["SSH-2.0-OpenSSH"][..],
            &[ok, "content-length: -1"],
            &[ok, "content-length: 1", "content-length: 2"],
            &[ok, "transfer-encoding: gzip, chunked"],
            &[ok, "content-length: 99999999999999999999999"],
        ] {
            assert_eq!(head(lines).unwrap_err().kind, ErrorKind::Malformed, "{lines:?}");
        }
        let many = ["a: b"; MAX_HEADERS + 1].join("\r\n");
        assert_eq!(head(&[ok, &many]).unwrap_err().kind, ErrorKind::TooLarge);
        let long = format!("{ok}\r\na: {}", "b".repeat(MAX_HEAD_BYTES));
        assert_eq!(parse_head(long.as_bytes()).unwrap_err().kind, ErrorKind::TooLarge);
    }

    #[test]
    fn incomplete_heads_wait() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        for end in 0..text.len() - 3 {
            assert_eq!(parse_head(&text[..end]).unwrap(), None);
        }
        assert_eq!(parse_head(text).unwrap().unwrap().1, text.len() - 3);
    }
}
