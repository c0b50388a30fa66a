//! Why a request failed, as it goes into its record.

use std::borrow::Cow;

use hpcbench_records::ErrorKind;

/// Longest error text that a record keeps, in bytes.
pub(crate) const MAX_ERROR_TEXT: usize = 512;

/// What went wrong with one request. It is data, not an error of ours: it ends in the request's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) text: Cow<'static, str>,
}

impl Fault {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    pub(crate) fn malformed(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Malformed, text)
    }

    pub(crate) fn too_large(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::TooLarge, text)
    }
}

/// The first `limit` bytes of a text from the network, fit for a record: valid UTF-8 on one line.
pub(crate) fn shorten(bytes: &[u8], limit: usize) -> String {
    let bytes = bytes.get(..limit).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    text.trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_the_network_is_tamed() {
        assert_eq!(shorten(b" a\nb\x1b[31m\xff ", 99), "a b [31m\u{fffd}");
        assert_eq!(shorten(&[b'x'; 10_000], MAX_ERROR_TEXT).len(), MAX_ERROR_TEXT);
    }
}
