//! Writing responses into a byte buffer.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The interim response to `Expect: 100-continue`.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A body with its media type.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Appends a whole response. `extra` are further header lines, each with its line end.
pub(crate) fn response(out: &mut Vec<u8>, status: u16, body: &Body, extra: &str, keep_alive: bool) {
    let head = format!(
        "HTTP/1.1 {status} {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n{extra}{}\r\n",
        reason(status),
        body.media_type,
        body.bytes.len(),
        connection(keep_alive),
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&body.bytes);
}

/// Appends the head of a response whose body comes in chunks.
pub(crate) fn stream_head(out: &mut Vec<u8>, media_type: &str, extra: &str, keep_alive: bool) {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncache-control: no-cache\r\n{extra}transfer-encoding: \
         chunked\r\n{}\r\n",
        connection(keep_alive),
    );
    out.extend_from_slice(head.as_bytes());
}

/// Appends `payload` as one chunk; nothing, if it is empty, for that would end the body.
pub(crate) fn chunk(out: &mut Vec<u8>, payload: &[u8]) {
    if payload.is_empty() {
        return;
    }
    let bits = usize::BITS - payload.len().leading_zeros();
    for digit in (0..bits.div_ceil(4)).rev() {
        let nibble = (payload.len() >> (digit * 4)) & 0xf;
        out.extend(DIGITS.get(nibble));
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// Appends the chunk that ends a body.
pub(crate) fn end_chunks(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

const fn connection(keep_alive: bool) -> &'static str {
    if keep_alive { "" } else { "connection: close\r\n" }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Simulated",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_response() {
        let mut out = Vec::new();
        let body = Body {
            media_type: "text/plain",
            bytes: b"hi".to_vec(),
        };
        response(&mut out, 405, &body, "allow: GET\r\n", false);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "HTTP/1.1 405 Method Not Allowed\r\ncontent-type: text/plain\r\ncontent-length: 2\r\nallow: \
             GET\r\nconnection: close\r\n\r\nhi"
        );
    }

    #[test]
    fn an_empty_chunk_would_end_the_body() {
        let mut out = Vec::new();
        chunk(&mut out, b"");
        assert!(out.is_empty());
        end_chunks(&mut out);
        assert_eq!(out, b"0\r\n\r\n");
    }

    proptest! {
        #[test]
        fn chunk_sizes_are_what_parsers_read(size in 1..100_000_usize) {
            let mut out = Vec::new();
            chunk(&mut out, &vec![b'x'; size]);
            let Ok(httparse::Status::Complete((head, length))) = httparse::parse_chunk_size(&out) else {
                panic!("no size line");
            };
            prop_assert_eq!(length, size as u64);
            prop_assert_eq!(out.len(), head + size + 2);
            prop_assert_ne!(out[0], b'0');
        }
    }
}
