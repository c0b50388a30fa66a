//! Lines of JSON.

use memchr::memchr;

use super::{Frame, MAX_EVENT_BYTES};
use crate::fault::Fault;

/// Cuts a stream into lines. Empty lines are skipped.
#[derive(Debug, Default)]
pub(crate) struct Ndjson {
    /// A line that is not complete.
    line: Vec<u8>,
}

impl Ndjson {
    /// Takes the next bytes of the stream and hands every line that they complete to `each`.
    pub(crate) fn feed<E>(&mut self, mut input: &[u8], each: &mut E) -> Result<(), Fault>
    where
        E: FnMut(Frame<'_>) -> Result<(), Fault>,
    {
        while let Some(end) = memchr(b'\n', input) {
            let (line, rest) = input.split_at(end);
            input = rest.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                emit(line, each)?;
            } else {
                self.keep(line)?;
                let result = emit(&self.line, each);
                self.line.clear();
                result?;
            }
        }
        self.keep(input)
    }

    /// The stream has ended: a last line without its end counts.
    pub(crate) fn finish<E>(&mut self, each: &mut E) -> Result<(), Fault>
    where
        E: FnMut(Frame<'_>) -> Result<(), Fault>,
    {
        emit(&std::mem::take(&mut self.line), each)
    }

    /// Whether bytes of an incomplete event are waiting for its end.
    pub(crate) fn is_partial(&self) -> bool {
        !self.line.is_empty()
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), Fault> {
        if self.line.len() + part.len() > MAX_EVENT_BYTES {
            return Err(Fault::too_large(format!(
                "a line of the stream is longer than {MAX_EVENT_BYTES} bytes"
            )));
        }
        self.line.extend_from_slice(part);
        Ok(())
    }
}

fn emit<E>(line: &[u8], each: &mut E) -> Result<(), Fault>
where
    E: FnMut(Frame<'_>) -> Result<(), Fault>,
{
    let line = line.trim_ascii();
    if line.is_empty() {
        Ok(())
    } else {
        each(Frame::Data(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut each = |frame: Frame<'_>| {
            if let Frame::Data(data) = frame {
                lines.push(String::from_utf8(data.to_vec()).unwrap());
            }
            Ok(())
        };
        let mut parser = Ndjson::default();
        for part in parts {
            parser.feed(part, &mut each).unwrap();
        }
        parser.finish(&mut each).unwrap();
        lines
    }

    #[test]
    fn lines_split_at_every_byte() {
        let text = b"{\"a\":1}\n\r\n{\"b\":2}\r\n\n{\"c\":3}";
        let expected = [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#];
        for at in 0..=text.len() {
            let (a, b) = text.split_at(at);
            assert_eq!(lines(&[a, b]), expected, "split at {at}");
        }
        assert_eq!(lines(&text.chunks(1).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn endless_lines_are_refused() {
        let mut parser = Ndjson::default();
        let part = vec![b'x'; MAX_EVENT_BYTES / 2 + 1];
        let mut each = |_: Frame<'_>| Ok(());
        assert!(parser.feed(&part, &mut each).is_ok() && parser.is_partial());
        assert!(parser.feed(&part, &mut each).is_err());
    }
}
