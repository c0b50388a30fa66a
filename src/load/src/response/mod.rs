//! Reading one response, from the bytes of its reads to what they say. Knows nothing of sockets and clocks.

mod summary;

use hpcbench_records::{ErrorKind, EventKind};

pub(crate) use summary::Summary;
use summary::bad_status;

use crate::dialect::{self, Event, EventReader};
use crate::fault::Fault;
use crate::http::{BodyDecoder, Content, Head, MAX_HEAD_BYTES, parse_head};
use crate::spec::Dialect;
use crate::stream::{Frame, Ndjson, Sse};

/// Largest body of a response that is no stream.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 64 * 1024 * 1024;

/// How much of an error response is kept for its message; the rest is read and dropped.
const MAX_ERROR_BODY_BYTES: usize = 8 * 1024;

/// How much of an answer's text is kept, roughly, for the next request of its conversation.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Most events of one response. A record of that many takes about 40 MB.
pub(crate) const MAX_EVENTS: usize = 1_000_000;

/// Stands for the body of an error response that cannot be shown.
const ENCODED: &str = "its body came with a content-encoding, which was not asked for and is not read";

/// Most informational responses (1xx) before the real one.
const MAX_INFORMATIONAL: u8 = 16;

/// One event of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamEvent {
    /// What it carried.
    pub(crate) kind: EventKind,
    /// Bytes of generated text.
    pub(crate) text_bytes: u32,
    /// Tokens in it, where the server counts as it goes.
    pub(crate) tokens: Option<u32>,
}

/// Reads one response.
#[derive(Debug)]
pub(crate) struct ResponseReader {
    dialect: Dialect,
    stream: bool,
    events: EventReader,
    /// An incomplete head, or a body that is no stream.
    buffer: Vec<u8>,
    state: State,
    informational: u8,
    keep_alive: bool,
    /// Bytes came after the response's end.
    excess: bool,
    summary: Summary,
    /// The text of the answer, as the inside of a JSON string, where somebody wants it.
    answer: Option<Vec<u8>>,
}

#[derive(Debug)]
enum State {
    Head,
    Body { framing: BodyDecoder, payload: Payload },
    Done,
}

#[derive(Debug)]
enum Payload {
    Sse(Sse),
    Ndjson(Ndjson),
    /// One JSON document.
    Document,
    /// The body of an error response.
    Error,
    /// The same, in an encoding that is not read.
    EncodedError,
}

impl ResponseReader {
    /// A reader for the response to a request of this dialect; `stream` says whether a stream was asked for.
    pub(crate) fn new(dialect: Dialect, stream: bool) -> Self {
        Self {
            dialect,
            stream,
            events: EventReader::new(dialect),
            buffer: Vec::new(),
            state: State::Head,
            informational: 0,
            keep_alive: false,
            excess: false,
            summary: Summary::default(),
            answer: None,
        }
    }

    /// The same, but it keeps the text of the answer.
    pub(crate) fn keeping_answer(self) -> Self {
        Self {
            answer: Some(Vec::new()),
            ..self
        }
    }

    /// Parts with what is still to come of the response: a reader for that, while for this one it has ended.
    pub(crate) fn split_rest(&mut self) -> Self {
        Self {
            buffer: std::mem::take(&mut self.buffer),
            state: std::mem::replace(&mut self.state, State::Done),
            keep_alive: self.keep_alive,
            ..Self::new(self.dialect, self.stream)
        }
    }

    /// Gives the text of the answer away, as the inside of a JSON string; empty if it was not kept.
    pub(crate) fn take_answer(&mut self) -> Vec<u8> {
        self.answer.take().unwrap_or_default()
    }

    /// Takes what one read brought and appends the events that it completed to `events`. An error ends the
    /// response; the events before it are in `events` all the same.
    pub(crate) fn feed(&mut self, mut input: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Fault> {
        while !input.is_empty() {
            match &mut self.state {
                State::Head => {
                    let Some(rest) = self.feed_head(input)? else {
                        return Ok(());
                    };
                    input = rest;
                    self.end_if_complete(events)?;
                }
                State::Body { framing, payload } => {
                    let sink = Sink {
                        reader: &mut self.events,
                        summary: &mut self.summary,
                        answer: &mut self.answer,
                        events,
                    };
                    feed_body(framing, payload, &mut input, &mut self.buffer, sink)?;
                    self.end_if_complete(events)?;
                }
                State::Done => {
                    self.excess = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The server has closed its side of the connection.
    pub(crate) fn end_of_input(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Fault> {
        match &self.state {
            State::Done => Ok(()),
            State::Body { framing, .. } if framing.ends_with_connection() => self.end(events),
            // It said that it was done; only the end of the framing is missing.
            State::Body { .. } if self.summary.is_done() => {
                self.state = State::Done;
                Ok(())
            }
            State::Body { .. } => Err(Fault::new(
                ErrorKind::CutStream,
                "the connection was closed in mid-response",
            )),
            State::Head => Err(Fault::new(
                ErrorKind::CutStream,
                "the connection was closed before a response",
            )),
        }
    }

    /// Whether only the connection's end can show that the response is complete.
    pub(crate) fn ends_with_connection(&self) -> bool {
        let State::Body { framing, .. } = &self.state else {
            return false;
        };
        framing.ends_with_connection() && !self.summary.is_done()
    }

    /// Whether the response is complete.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether not a single byte of the response has come.
    pub(crate) fn is_untouched(&self) -> bool {
        matches!(self.state, State::Head) && self.buffer.is_empty() && self.informational == 0
    }

    /// Whether the read before ended within an event, or within the framing of the next, so that its time is not that of the last
    /// complete one.
    pub(crate) fn ends_within_event(&self) -> bool {
        match &self.state {
            State::Body { framing, .. } if framing.is_before_data() => true,
            State::Body {
                payload: Payload::Sse(parser),
                ..
            } => parser.is_partial(),
            State::Body {
                payload: Payload::Ndjson(parser),
                ..
            } => parser.is_partial(),
            _ => false,
        }
    }

    /// Whether the connection can carry another request; meaningful once the response is complete.
    pub(crate) fn keeps_connection(&self) -> bool {
        self.keep_alive && !self.excess
    }

    /// The failure that the server has told of so far, even if the rest of the response never comes.
    pub(crate) fn failure(&self) -> Option<Fault> {
        match (&self.state, self.summary.http_status) {
            (
                State::Body {
                    payload: Payload::Error,
                    ..
                },
                Some(status),
            ) => Some(bad_status(status, &dialect::error_text(&self.buffer))),
            _ => self.summary.failure(),
        }
    }

    /// What the response has said so far.
    pub(crate) fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The same, at the end.
    pub(crate) fn into_summary(self) -> Summary {
        self.summary
    }

    /// Takes bytes of the head; returns what follows it once it is complete.
    fn feed_head<'a>(&mut self, input: &'a [u8]) -> Result<Option<&'a [u8]>, Fault> {
        let kept = self.buffer.len();
        let parsed = if kept == 0 {
            parse_head(input)?
        } else {
            let room = (MAX_HEAD_BYTES + 1).saturating_sub(kept).min(input.len());
            self.buffer
                .extend_from_slice(input.get(..room).unwrap_or_default());
            parse_head(&self.buffer)?
        };
        let Some((head, length)) = parsed else {
            if kept == 0 {
                self.buffer.extend_from_slice(input);
            }
            return Ok(None);
        };
        self.buffer.clear();
        self.begin_body(&head)?;
        Ok(input.get(length.saturating_sub(kept)..))
    }

    fn begin_body(&mut self, head: &Head) -> Result<(), Fault> {
        if (100..200).contains(&head.status) {
            self.informational += 1;
            if head.status == 101 || self.informational > MAX_INFORMATIONAL {
                return Err(Fault::malformed(format!(
                    "status {} is no answer to the request",
                    head.status
                )));
            }
            return Ok(());
        }
        self.summary.http_status = Some(head.status);
        self.keep_alive = head.keep_alive;
        let failed = !(200..300).contains(&head.status);
        if head.encoded && !failed {
            return Err(Fault::malformed("a content-encoding that was not asked for"));
        }
        let payload = match (self.dialect, head.content) {
            _ if failed && head.encoded => {
                self.summary.error_body = Some(ENCODED.into());
                Payload::EncodedError
            }
            _ if failed => Payload::Error,
            _ if !self.stream => Payload::Document,
            // A server that answers with a document, although a stream was asked for, most often reports an error.
            (Dialect::Chat | Dialect::Completions, Content::Json) => Payload::Document,
            (Dialect::Chat | Dialect::Completions, _) | (_, Content::EventStream) => {
                Payload::Sse(Sse::default())
            }
            (Dialect::Generate | Dialect::OllamaChat, _) => Payload::Ndjson(Ndjson::default()),
        };
        self.state = State::Body {
            framing: head.body.clone(),
            payload,
        };
        Ok(())
    }

    fn end_if_complete(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Fault> {
        match &self.state {
            State::Body { framing, .. } if framing.is_done() => self.end(events),
            _ => Ok(()),
        }
    }

    /// The body has ended in order.
    fn end(&mut self, events: &mut Vec<StreamEvent>) -> Result<(), Fault> {
        let State::Body { mut payload, .. } = std::mem::replace(&mut self.state, State::Done) else {
            return Ok(());
        };
        let mut sink = Sink {
            reader: &mut self.events,
            summary: &mut self.summary,
            answer: &mut self.answer,
            events,
        };
        match &mut payload {
            Payload::Sse(parser) => parser.finish(&mut |frame| sink.take(frame)),
            Payload::Ndjson(parser) => parser.finish(&mut |frame| sink.take(frame)),
            Payload::Document => {
                self.summary
                    .add_document(&dialect::read_document(self.dialect, &self.buffer)?);
                keep_answer(&mut self.answer, &self.buffer);
                if self.stream && self.summary.server_error.is_none() {
                    return Err(Fault::malformed("a stream was asked for, a whole document came"));
                }
                Ok(())
            }
            Payload::Error => {
                self.summary.error_body = Some(dialect::error_text(&self.buffer));
                Ok(())
            }
            Payload::EncodedError => Ok(()),
        }
    }
}

/// Where events go as they are found.
struct Sink<'a> {
    reader: &'a mut EventReader,
    summary: &'a mut Summary,
    answer: &'a mut Option<Vec<u8>>,
    events: &'a mut Vec<StreamEvent>,
}

impl Sink<'_> {
    fn take(&mut self, frame: Frame<'_>) -> Result<(), Fault> {
        if self.summary.events >= MAX_EVENTS {
            return Err(Fault::too_large(format!(
                "the stream has more than {MAX_EVENTS} events"
            )));
        }
        let event = match frame {
            Frame::Comment => StreamEvent {
                kind: EventKind::COMMENT,
                text_bytes: 0,
                tokens: None,
            },
            Frame::Data(data) => {
                let event = self.reader.read(data)?;
                keep_answer(self.answer, data);
                match event {
                    Event::Content(text_bytes) => self.summary.add_content(text_bytes),
                    Event::Message(message) => self.summary.add_event(message),
                }
            }
        };
        self.summary.events += 1;
        self.events.push(event);
        Ok(())
    }
}

/// Adds what an event or a document says to the text of the answer, if that is kept and not too long already.
fn keep_answer(answer: &mut Option<Vec<u8>>, data: &[u8]) {
    if let Some(text) = answer.as_mut().filter(|text| text.len() < MAX_ANSWER_BYTES) {
        dialect::append_answer(data, text);
    }
}

fn feed_body(
    framing: &mut BodyDecoder,
    payload: &mut Payload,
    input: &mut &[u8],
    buffer: &mut Vec<u8>,
    mut sink: Sink<'_>,
) -> Result<(), Fault> {
    while let Some(part) = framing.next(input)? {
        match payload {
            Payload::Sse(parser) => parser.feed(part, &mut |frame| sink.take(frame))?,
            Payload::Ndjson(parser) => parser.feed(part, &mut |frame| sink.take(frame))?,
            Payload::Document if buffer.len() + part.len() > MAX_DOCUMENT_BYTES => {
                return Err(Fault::too_large(format!(
                    "the body is longer than {MAX_DOCUMENT_BYTES} bytes"
                )));
            }
            Payload::Document => buffer.extend_from_slice(part),
            Payload::Error => {
                let room = MAX_ERROR_BODY_BYTES.saturating_sub(buffer.len()).min(part.len());
                buffer.extend_from_slice(part.get(..room).unwrap_or_default());
            }
            Payload::EncodedError => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
