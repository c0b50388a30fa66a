//! Where a body ends: by length, by chunks or with the connection.

use crate::fault::Fault;

/// Longest line of chunk size with its extensions, and of a trailer.
const MAX_LINE_BYTES: u32 = 8 * 1024;

/// Takes a body out of its framing, in parts as they come, without copying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BodyDecoder(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Length(u64),
    UntilClose,
    /// In a chunk's size; `line` counts the bytes of the line.
    Size {
        value: u64,
        digits: bool,
        line: u32,
    },
    /// After the size, up to the line's end.
    Extension {
        size: u64,
        line: u32,
    },
    /// Between the line's CR and its LF.
    SizeEnd {
        size: u64,
    },
    /// After a size that is complete, before the first byte of the chunk's data.
    Begin(u64),
    Data(u64),
    /// After a chunk's data: its CR, or LF.
    DataEnd,
    DataLineFeed,
    /// In the trailers; `line` counts the bytes of this line, CR left out.
    Trailer {
        line: u32,
    },
    Done,
}

const SIZE: State = State::Size {
    value: 0,
    digits: false,
    line: 0,
};

impl BodyDecoder {
    pub(crate) const fn empty() -> Self {
        Self(State::Done)
    }

    pub(crate) const fn length(length: u64) -> Self {
        Self(if length == 0 {
            State::Done
        } else {
            State::Length(length)
        })
    }

    pub(crate) const fn chunked() -> Self {
        Self(SIZE)
    }

    pub(crate) const fn until_close() -> Self {
        Self(State::UntilClose)
    }

    /// Whether only the end of the connection ends the body.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.0 == State::UntilClose
    }

    /// Whether the last byte belongs to a chunk of which no data has come: it may have come later than the data before it.
    pub(crate) fn is_before_data(&self) -> bool {
        match self.0 {
            State::Size { digits, .. } => digits,
            State::Extension { .. } | State::SizeEnd { .. } | State::Begin(_) | State::Trailer { .. } => true,
            _ => false,
        }
    }

    /// Whether the body is complete.
    pub(crate) fn is_done(&self) -> bool {
        self.0 == State::Done
    }

    /// Takes the next part of the body from the front of `input`. `None` when `input` is used up or the body is
    /// done; bytes that are left then do not belong to this body.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Fault> {
        loop {
            match &mut self.0 {
                State::Done => return Ok(None),
                _ if input.is_empty() => return Ok(None),
                State::UntilClose => return Ok(Some(std::mem::take(input))),
                State::Length(left) => {
                    let part = take(input, left);
                    if *left == 0 {
                        self.0 = State::Done;
                    }
                    return Ok(Some(part));
                }
                State::Begin(left) | State::Data(left) => {
                    let part = take(input, left);
                    self.0 = match *left {
                        0 => State::DataEnd,
                        left => State::Data(left),
                    };
                    return Ok(Some(part));
                }
                state => {
                    let Some((byte, rest)) = input.split_first() else {
                        return Ok(None);
                    };
                    *state = step(*state, *byte)?;
                    *input = rest;
                }
            }
        }
    }
}

/// Takes at most `left` bytes from the front of `input`.
fn take<'a>(input: &mut &'a [u8], left: &mut u64) -> &'a [u8] {
    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    let (part, rest) = input.split_at(length);
    *input = rest;
    *left -= length as u64;
    part
}

/// One byte of chunked framing.
fn step(state: State, byte: u8) -> Result<State, Fault> {
    match (state, byte) {
        (
            State::Size {
                digits: true, value, ..
            }
            | State::Extension { size: value, .. },
            b'\r',
        ) => Ok(State::SizeEnd { size: value }),
        (
            State::Size {
                digits: true,
                value: size,
                ..
            }
            | State::Extension { size, .. }
            | State::SizeEnd { size },
            b'\n',
        ) => Ok(if size == 0 {
            State::Trailer { line: 0 }
        } else {
            State::Begin(size)
        }),
        (
            State::Size {
                digits: true,
                value,
                line,
            },
            b';' | b' ' | b'\t',
        ) => Ok(State::Extension { size: value, line }),
        (State::Size { value, line, .. }, _) => size_digit(value, line, byte),
        (State::Extension { size, line }, _) if line < MAX_LINE_BYTES => {
            Ok(State::Extension { size, line: line + 1 })
        }
        (State::Extension { .. }, _) => Err(Fault::too_large("a chunk's extensions are too long")),
        (State::DataEnd, b'\r') => Ok(State::DataLineFeed),
        (State::DataEnd | State::DataLineFeed, b'\n') => Ok(SIZE),
        (State::Trailer { line: 0 }, b'\n') => Ok(State::Done),
        (State::Trailer { .. }, b'\n') => Ok(State::Trailer { line: 0 }),
        (State::Trailer { line }, b'\r') => Ok(State::Trailer { line }),
        (State::Trailer { line }, _) if line < MAX_LINE_BYTES => Ok(State::Trailer { line: line + 1 }),
        (State::Trailer { .. }, _) => Err(Fault::too_large("a trailer is too long")),
        _ => Err(Fault::malformed("a chunk does not end where its size says")),
    }
}

fn size_digit(value: u64, line: u32, byte: u8) -> Result<State, Fault> {
    let digit = char::from(byte)
        .to_digit(16)
        .ok_or_else(|| Fault::malformed("a chunk's size is no number"))?;
    if line >= 16 {
        return Err(Fault::malformed("a chunk's size has too many digits"));
    }
    Ok(State::Size {
        value: (value << 4) | u64::from(digit),
        digits: true,
        line: line + 1,
    })
}

#[cfg(test)]
mod tests {
    use hpcbench_records::ErrorKind;
    use proptest::prelude::*;

    use super::*;

    /// Decodes `parts` as they would come from the network: the body, the bytes after it, whether it is done.
    fn decode(mut decoder: BodyDecoder, parts: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>, bool), Fault> {
        let (mut body, mut rest) = (Vec::new(), Vec::new());
        for part in parts {
            let mut input = *part;
            while let Some(piece) = decoder.next(&mut input)? {
                assert!(!piece.is_empty());
                body.extend_from_slice(piece);
            }
            rest.extend_from_slice(input);
        }
        Ok((body, rest, decoder.is_done()))
    }

    const CHUNKED: &[u8] = b"5\r\nhello\r\n1;ext=\"a b\"\r\n,\r\n006 \n world\n0\r\nTrailer: x\r\n\r\nnext";

    #[test]
    fn chunks_split_at_every_byte() {
        let expected = Ok((b"hello, world".to_vec(), b"next".to_vec(), true));
        for at in 0..=CHUNKED.len() {
            let (a, b) = CHUNKED.split_at(at);
            assert_eq!(decode(BodyDecoder::chunked(), &[a, b]), expected, "split at {at}");
        }
        let bytes: Vec<&[u8]> = CHUNKED.chunks(1).collect();
        assert_eq!(decode(BodyDecoder::chunked(), &bytes), expected);
    }

    #[test]
    fn length_and_close() {
        let whole = |decoder, text: &'static [u8]| decode(decoder, &[text]).unwrap();
        assert_eq!(
            whole(BodyDecoder::length(3), b"abcd"),
            (b"abc".to_vec(), b"d".to_vec(), true)
        );
        assert_eq!(
            whole(BodyDecoder::length(9), b"abcd"),
            (b"abcd".to_vec(), vec![], false)
        );
        assert_eq!(whole(BodyDecoder::length(0), b"x"), (vec![], b"x".to_vec(), true));
        assert_eq!(
            whole(BodyDecoder::until_close(), b"abcd"),
            (b"abcd".to_vec(), vec![], false)
        );
    }

    #[test]
    fn broken_chunks_are_faults() {
        for text in [
            &b"x"[..],
            b"\r\n",
            b";",
            b"-1\r\n",
            b"3\r\nabcd\r\n",
            b"11111111111111111\r\n",
            b"1\rx",
        ] {
            let fault = decode(BodyDecoder::chunked(), &[text]).unwrap_err();
            assert_eq!(fault.kind, ErrorKind::Malformed, "{text:?}");
        }
        let long = [b"1;".as_slice(), &[b'x'; 10_000]].concat();
        assert_eq!(
            decode(BodyDecoder::chunked(), &[&long]).unwrap_err().kind,
            ErrorKind::TooLarge
        );
        let long = [b"0\r\n".as_slice(), &[b'x'; 10_000]].concat();
        assert_eq!(
            decode(BodyDecoder::chunked(), &[&long]).unwrap_err().kind,
            ErrorKind::TooLarge
        );
    }

    proptest! {
        #[test]
        fn any_body_survives_chunking(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8), step in 1_usize..20) {
            let mut wire = Vec::new();
            for body in &bodies {
                wire.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
                wire.extend_from_slice(body);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let parts: Vec<&[u8]> = wire.chunks(step).collect();
            prop_assert_eq!(decode(BodyDecoder::chunked(), &parts), Ok((bodies.concat(), vec![], true)));
        }

        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(BodyDecoder::chunked(), &[&noise]);
        }
    }
}
