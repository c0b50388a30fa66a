//! The little of HTTP/1.1 that the service speaks: requests with a `Content-Length`, keep-alive, chunked responses.

mod request;
mod response;

pub(crate) use request::{HttpError, MAX_REQUEST_BYTES, Method, Parsed, Request, parse};
pub(crate) use response::{Body, CONTINUE, chunk, end_chunks, response, stream_head};
