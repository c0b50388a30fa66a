//! HTTP/1.1 as far as a load generator needs it: response heads and the framing of bodies.

mod body;
mod head;

pub(crate) use body::BodyDecoder;
pub(crate) use head::{Content, Head, MAX_HEAD_BYTES, parse_head};
