//! Server-sent events, after the WHATWG HTML standard, section 9.2: lines end with LF, CR or CRLF; an empty line
//! ends an event; the data of several `data:` lines is joined with LF.

use memchr::memchr2;

use super::{Frame, MAX_EVENT_BYTES};
use crate::fault::Fault;

/// Cuts a stream into server-sent events.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts, each a line of the standard"
)]
pub(crate) struct Sse {
    /// A line that is not complete.
    line: Vec<u8>,
    /// Data of the event so far, as far as it could not be lent out.
    data: Vec<u8>,
    /// Whether `data` holds a data line, even an empty one.
    has_data: bool,
    /// Whether a line of this event has come.
    in_event: bool,
    /// The last line ended with CR: an LF that follows belongs to it.
    skip_line_feed: bool,
    /// A line has been read, so that no byte order mark can follow.
    begun: bool,
}

/// What one line says.
enum Line<'a> {
    Blank,
    Comment,
    Data(&'a [u8]),
    Other,
}

impl Sse {
    /// Takes the next bytes of the stream and hands every event that they complete to `each`.
    ///
    /// An event that lies in `input` as a whole, with one line of data, is lent out without a copy.
    pub(crate) fn feed<E>(&mut self, mut input: &[u8], each: &mut E) -> Result<(), Fault>
    where
        E: FnMut(Frame<'_>) -> Result<(), Fault>,
    {
        let mut lent: Option<&[u8]> = None;
        loop {
            if self.skip_line_feed && !input.is_empty() {
                input = input.strip_prefix(b"\n").unwrap_or(input);
                self.skip_line_feed = false;
            }
            let Some(end) = memchr2(b'\n', b'\r', input) else {
                break;
            };
            let (line, rest) = input.split_at(end);
            self.skip_line_feed = rest.first() == Some(&b'\r');
            input = rest.get(1..).unwrap_or_default();
            if !self.line.is_empty() {
                self.kept_line(line, each)?;
                continue;
            }
            match classify(line, &mut self.begun) {
                Line::Data(data) if !self.has_data && lent.is_none() => {
                    (lent, self.in_event) = (Some(data), true);
                }
                Line::Data(data) => {
                    self.keep_lent(&mut lent)?;
                    self.keep_data(data)?;
                }
                Line::Blank => match lent.take() {
                    Some(data) => {
                        self.in_event = false;
                        emit(data, each)?;
                    }
                    None => self.dispatch(each)?,
                },
                Line::Comment => each(Frame::Comment)?,
                Line::Other => self.in_event = true,
            }
        }
        self.keep_lent(&mut lent)?;
        keep(&mut self.line, input)
    }

    /// The stream has ended in order. The standard drops an event without its empty line; servers that forget the
    /// last one exist, so it counts here.
    pub(crate) fn finish<E>(&mut self, each: &mut E) -> Result<(), Fault>
    where
        E: FnMut(Frame<'_>) -> Result<(), Fault>,
    {
        if !self.line.is_empty() {
            self.kept_line(b"", each)?;
        }
        self.dispatch(each)
    }

    /// Whether bytes of an incomplete event are waiting for its end.
    pub(crate) fn is_partial(&self) -> bool {
        self.in_event || !self.line.is_empty()
    }

    /// A line whose start came earlier, now with its end.
    fn kept_line<E>(&mut self, end: &[u8], each: &mut E) -> Result<(), Fault>
    where
        E: FnMut(Frame<'_>) -> Result<(), Fault>,
    {
        keep(&mut self.line, end)?;
        let line = std::mem::take(&mut self.line);
        let result = match classify(&line, &mut self.begun) {
            Line::Blank => self.dispatch(each),
            Line::Comment => each(Frame::Comment),
            Line::Data(data) => self.keep_data(data),
            Line::Other => {
                self.in_event = true;
                Ok(())
            }
        };
        // The memory is used again.
        self.line = line;
        self.line.clear();
        result
    }

    /// Ends an event whose data was kept.
    fn dispatch<E>(&mut self, each: &mut E) -> Result<(), Fault>
    where
        E: FnMut(Frame<'_>) -> Result<(), Fault>,
    {
        (self.has_data, self.in_event) = (false, false);
        let result = emit(&self.data, each);
        self.data.clear();
        result
    }

    fn keep_lent(&mut self, lent: &mut Option<&[u8]>) -> Result<(), Fault> {
        lent.take().map_or(Ok(()), |data| self.keep_data(data))
    }

    fn keep_data(&mut self, data: &[u8]) -> Result<(), Fault> {
        if self.has_data {
            self.data.push(b'\n');
        }
        (self.has_data, self.in_event) = (true, true);
        keep(&mut self.data, data)
    }
}

fn keep(kept: &mut Vec<u8>, part: &[u8]) -> Result<(), Fault> {
    if kept.len() + part.len() > MAX_EVENT_BYTES {
        return Err(Fault::too_large(format!(
            "an event of the stream is longer than {MAX_EVENT_BYTES} bytes"
        )));
    }
    kept.extend_from_slice(part);
    Ok(())
}

/// Hands over an event's data. An event without data is none.
fn emit<E>(data: &[u8], each: &mut E) -> Result<(), Fault>
where
    E: FnMut(Frame<'_>) -> Result<(), Fault>,
{
    if data.is_empty() {
        Ok(())
    } else {
        each(Frame::Data(data))
    }
}

fn classify<'a>(line: &'a [u8], begun: &mut bool) -> Line<'a> {
    let line = if *begun {
        line
    } else {
        line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
    };
    *begun = true;
    match line {
        [] => Line::Blank,
        [b':', ..] => Line::Comment,
        [b'd', b'a', b't', b'a', b':', b' ', data @ ..] | [b'd', b'a', b't', b'a', b':', data @ ..] => {
            Line::Data(data)
        }
        b"data" => Line::Data(b""),
        _ => Line::Other,
    }
}

#[cfg(test)]
mod tests;
