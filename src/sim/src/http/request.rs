//! Reading requests out of a byte buffer.

/// Longest request line with headers, in bytes; longer ones get 431.
pub(crate) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Most headers; more get 431.
const MAX_HEADERS: usize = 64;
/// Longest request body, in bytes; longer ones get 413.
pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Most bytes that one request can take.
pub(crate) const MAX_REQUEST_BYTES: usize = MAX_HEAD_BYTES + MAX_BODY_BYTES;
/// Longest `X-Request-Id` that is kept, in bytes; a longer one gets 400.
const MAX_REQUEST_ID_BYTES: usize = 256;

/// The methods that any endpoint knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Delete,
    Other,
}

/// One request with its body, borrowed from the connection's buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// The path without the query.
    pub(crate) path: &'a str,
    /// What follows `?`, or nothing.
    pub(crate) query: &'a str,
    /// Whether the connection stays open after the response.
    pub(crate) keep_alive: bool,
    /// The header `X-Request-Id`.
    pub(crate) id: Option<&'a str>,
    /// The header `X-Sim-Fault`, not yet read.
    pub(crate) fault: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// What a buffer holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    /// The beginning of a request. `wants_continue` asks for an interim response before the body is sent.
    Partial { wants_continue: bool },
    /// A request that takes the first `bytes` bytes.
    Complete { request: Request<'a>, bytes: usize },
}

/// Why a request cannot be read. The connection ends after the answer, for its bytes can no longer be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("the request is no HTTP/1.x")]
    Malformed,
    #[error("request line and headers are longer than {MAX_HEAD_BYTES} bytes or more than {MAX_HEADERS}")]
    HeadTooLong,
    #[error("the body is longer than {MAX_BODY_BYTES} bytes")]
    BodyTooLong,
    #[error("the body needs a Content-Length; a chunked request body is not supported")]
    LengthRequired,
    #[error("Content-Length is no number or was given twice")]
    BadLength,
    #[error("X-Request-Id is longer than {MAX_REQUEST_ID_BYTES} bytes or not visible ASCII")]
    BadRequestId,
}

impl HttpError {
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::BadLength | Self::BadRequestId => 400,
            Self::HeadTooLong => 431,
            Self::BodyTooLong => 413,
            Self::LengthRequired => 411,
        }
    }
}

/// What the headers say, as far as it matters here.
#[derive(Default)]
struct Fields<'a> {
    length: Option<usize>,
    close: bool,
    keep_alive: bool,
    wants_continue: bool,
    request_id: Option<&'a str>,
    fault: Option<&'a str>,
}

/// Looks for one request at the beginning of `buffer`.
pub(crate) fn parse(buffer: &[u8]) -> Result<Parsed<'_>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let status = head.parse(buffer).map_err(|error| match error {
        httparse::Error::TooManyHeaders => HttpError::HeadTooLong,
        _ => HttpError::Malformed,
    })?;
    let httparse::Status::Complete(head_bytes) = status else {
        if buffer.len() > MAX_HEAD_BYTES {
            return Err(HttpError::HeadTooLong);
        }
        return Ok(Parsed::Partial {
            wants_continue: false,
        });
    };
    if head_bytes > MAX_HEAD_BYTES {
        return Err(HttpError::HeadTooLong);
    }
    let fields = Fields::read(head.headers)?;
    let bytes = head_bytes + fields.length.unwrap_or(0);
    let Some(body) = buffer.get(head_bytes..bytes) else {
        return Ok(Parsed::Partial {
            wants_continue: fields.wants_continue,
        });
    };
    let target = head.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request {
        method: method(head.method.unwrap_or("")),
        path,
        query,
        keep_alive: if head.version == Some(0) {
            fields.keep_alive
        } else {
            !fields.close
        },
        id: fields.request_id,
        fault: fields.fault,
        body,
    };
    Ok(Parsed::Complete { request, bytes })
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        _ => Method::Other,
    }
}

impl<'a> Fields<'a> {
    fn read(headers: &[httparse::Header<'a>]) -> Result<Self, HttpError> {
        let mut fields = Self::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            let value = std::str::from_utf8(header.value).map(str::trim);
            if is("content-length") {
                let length = value
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .ok_or(HttpError::BadLength)?;
                if fields.length.replace(length).is_some() {
                    return Err(HttpError::BadLength);
                }
                if length > MAX_BODY_BYTES {
                    return Err(HttpError::BodyTooLong);
                }
            } else if is("transfer-encoding") {
                return Err(HttpError::LengthRequired);
            } else if is("connection") {
                let value = value.unwrap_or("");
                fields.close |= value.eq_ignore_ascii_case("close");
                fields.keep_alive |= value.eq_ignore_ascii_case("keep-alive");
            } else if is("expect") {
                fields.wants_continue = value.is_ok_and(|text| text.eq_ignore_ascii_case("100-continue"));
            } else if is("x-request-id") {
                fields.request_id = Some(request_id(value.ok())?);
            } else if is("x-sim-fault") {
                fields.fault = value.ok();
            }
        }
        Ok(fields)
    }
}

fn request_id(value: Option<&str>) -> Result<&str, HttpError> {
    value
        .filter(|id| {
            (1..=MAX_REQUEST_ID_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        })
        .ok_or(HttpError::BadRequestId)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn complete(text: &str) -> (Request<'_>, usize) {
        match parse(text.as_bytes()) {
            Ok(Parsed::Complete { request, bytes }) => (request, bytes),
            other => panic!("{other:?}"),
        }
    }

    const POST: &str = "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\nx-request-ID: r-1\r\nX-Sim-Fault: \
                        empty\r\nContent-Length: 4\r\n\r\nbody";

    #[test]
    fn reads_one_request_and_leaves_the_next() {
        let two = format!("{POST}GET / HTTP/1.1\r\n\r\n");
        let (request, bytes) = complete(&two);
        assert_eq!(bytes, POST.len());
        assert_eq!(
            request,
            Request {
                method: Method::Post,
                path: "/v1/chat/completions",
                query: "x=1",
                keep_alive: true,
                id: Some("r-1"),
                fault: Some("empty"),
                body: b"body",
            }
        );
    }

    #[test]
    fn every_prefix_is_partial() {
        for end in 0..POST.len() {
            let parsed = parse(&POST.as_bytes()[..end]);
            assert_eq!(
                parsed,
                Ok(Parsed::Partial {
                    wants_continue: false
                }),
                "{end}"
            );
        }
    }

    #[test]
    fn versions_differ_in_keep_alive() {
        assert!(!complete("GET / HTTP/1.0\r\n\r\n").0.keep_alive);
        assert!(
            complete("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                .0
                .keep_alive
        );
        assert!(
            !complete("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n")
                .0
                .keep_alive
        );
    }

    #[test]
    fn a_body_may_be_announced_first() {
        let head = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
        assert_eq!(
            parse(head.as_bytes()),
            Ok(Parsed::Partial { wants_continue: true })
        );
    }

    #[test]
    fn limits_and_errors() {
        let error = |head: &str| parse(head.as_bytes()).unwrap_err();
        assert_eq!(error("\u{1}\r\n\r\n"), HttpError::Malformed);
        assert_eq!(
            error(&format!("GET /{} HTTP", "x".repeat(MAX_HEAD_BYTES))),
            HttpError::HeadTooLong
        );
        assert_eq!(
            error(&format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65))),
            HttpError::HeadTooLong
        );
        let with = |header: &str| error(&format!("POST / HTTP/1.1\r\n{header}\r\n\r\n"));
        assert_eq!(with("Content-Length: 99999999"), HttpError::BodyTooLong);
        assert_eq!(with("Content-Length: x"), HttpError::BadLength);
        assert_eq!(
            with("Content-Length: 1\r\nContent-Length: 1"),
            HttpError::BadLength
        );
        assert_eq!(with("Transfer-Encoding: chunked"), HttpError::LengthRequired);
        assert_eq!(with("X-Request-Id: "), HttpError::BadRequestId);
        assert_eq!(
            with(&format!("X-Request-Id: {}", "a".repeat(257))),
            HttpError::BadRequestId
        );
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
