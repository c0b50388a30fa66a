//! A request's instants as a client in user space sees them.

use hpcbench_records::{EventKind, Record};

/// An event of a stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    /// When it was read, nanoseconds since T0.
    pub(super) t: i64,
    /// What it carried.
    pub(super) kind: EventKind,
    /// Output tokens so far, where the server counts them event by event.
    pub(super) tokens: Option<u32>,
}

/// The events of a stream, in order.
pub(super) fn events(record: &Record) -> impl Iterator<Item = Event> {
    let events = &record.events;
    let times = events.t.iter().zip(&events.read_lag);
    let contents = events.kind.iter().zip(&events.tokens);
    times.zip(contents).map(|((t, lag), (kind, tokens))| Event {
        t: t.saturating_add_unsigned(*lag),
        kind: *kind,
        tokens: *tokens,
    })
}

/// The events that carry generated text of any sort.
pub(super) fn token_events(record: &Record) -> impl Iterator<Item = Event> {
    events(record).filter(|event| event.kind.carries_tokens())
}

/// When the response was finished: not before its last event was read.
pub(super) fn end(record: &Record) -> Option<i64> {
    let last_event = events(record).last().map(|event| event.t);
    record.times.end.max(last_event)
}

/// The output tokens: the server's count as it is, else a tokenizer's.
pub(super) fn output_tokens(record: &Record) -> Option<u64> {
    let tokens = &record.tokens;
    tokens.output_usage.or(tokens.output_retokenized).map(u64::from)
}

/// The input tokens: the server's count, else those that were planned.
pub(super) fn input_tokens(record: &Record) -> Option<u64> {
    let tokens = &record.tokens;
    tokens.input_usage.or(tokens.input_planned).map(u64::from)
}

/// Nanoseconds from one instant to another. A negative time, which only a wrong stamp can bring about, counts as zero.
pub(super) fn between(from: i64, to: i64) -> u64 {
    u64::try_from(to.saturating_sub(from)).unwrap_or(0)
}

/// A time divided by a number of tokens, to the nearest nanosecond; `None` for no tokens.
pub(super) fn per_token(time: u64, tokens: u64) -> Option<u64> {
    (tokens > 0).then(|| (time + tokens / 2) / tokens)
}
