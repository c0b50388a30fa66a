//! The metrics of a single request.

use hpcbench_records::{EventKind, Record, TokensSource};

use crate::Start;

/// A request's metrics in nanoseconds; `None` where the definition gives no value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestMetrics {
    /// First − sent.
    pub ttft: Option<u64>,
    /// (Last − first) / (N − 1).
    pub tpot: Option<u64>,
    /// Last − sent; without a stream end − sent.
    pub e2e: Option<u64>,
    /// Sent − intended.
    pub queue: Option<u64>,
    /// First − intended.
    pub ttft_sched: Option<u64>,
    /// Last − intended; without a stream end − intended.
    pub e2e_sched: Option<u64>,
}

impl RequestMetrics {
    /// Applies the definitions to a record.
    pub fn of(record: &Record) -> Self {
        let times = &record.times;
        let first = times.first.filter(|_| record.stream);
        let finish = if record.stream { times.last } else { times.end };
        Self {
            ttft: times.sent.zip(first).map(between),
            tpot: tpot(record),
            e2e: times.sent.zip(finish).map(between),
            queue: times.sent.map(|sent| between((times.intended, sent))),
            ttft_sched: first.map(|first| between((times.intended, first))),
            e2e_sched: finish.map(|finish| between((times.intended, finish))),
        }
    }

    /// Time to the first token, counted from where the load's latency begins.
    pub fn ttft_from(&self, start: Start) -> Option<u64> {
        match start {
            Start::Sent => self.ttft,
            Start::Intended => self.ttft_sched,
        }
    }

    /// Time to the last token, counted from where the load's latency begins.
    pub fn e2e_from(&self, start: Start) -> Option<u64> {
        match start {
            Start::Sent => self.e2e,
            Start::Intended => self.e2e_sched,
        }
    }
}

/// The request's number of output tokens N. Reasoning that the server counted but never streamed is left out.
pub fn output_tokens(record: &Record) -> Option<u32> {
    match record.tokens.source {
        TokensSource::Chunks => token_chunks(record),
        TokensSource::Usage => {
            let hidden = record
                .tokens
                .reasoning_usage
                .filter(|_| record.stream && !streamed_reasoning(record));
            Some(record.tokens.output_usage?.saturating_sub(hidden.unwrap_or(0)))
        }
    }
}

/// Token-carrying chunks that arrived.
pub fn token_chunks(record: &Record) -> Option<u32> {
    let counted = || {
        record
            .events
            .kind
            .iter()
            .filter(|kind| kind.carries_tokens())
            .count() as u32
    };
    record
        .tokens
        .chunks
        .or_else(|| (!record.events.is_empty()).then(counted))
}

fn streamed_reasoning(record: &Record) -> bool {
    record
        .events
        .kind
        .iter()
        .any(|kind| kind.contains(EventKind::REASONING))
}

fn tpot(record: &Record) -> Option<u64> {
    let (first, last) = record
        .times
        .first
        .zip(record.times.last)
        .filter(|_| record.stream)?;
    let further = output_tokens(record)?
        .checked_sub(1)
        .filter(|&further| further > 0)?;
    if token_chunks(record)? < 2 {
        return None;
    }
    let (span, further) = (between((first, last)), u64::from(further));
    Some((span + further / 2) / further)
}

/// A negative time, which only a wrong stamp can bring about, counts as zero.
fn between((from, to): (i64, i64)) -> u64 {
    u64::try_from(to.saturating_sub(from)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MS, failure, stream, whole};
    use hpcbench_records::ErrorKind;

    const MS_U: u64 = MS as u64;

    #[test]
    fn the_metrics_of_a_stream_by_hand() {
        let metrics = RequestMetrics::of(&stream(100, &[150, 160, 180]));
        assert_eq!(metrics.ttft, Some(50 * MS_U));
        assert_eq!(metrics.tpot, Some(15 * MS_U));
        assert_eq!(metrics.e2e, Some(80 * MS_U));
        assert_eq!(metrics.queue, Some(2 * MS_U));
        assert_eq!(metrics.ttft_sched, Some(52 * MS_U));
        assert_eq!(metrics.e2e_sched, Some(82 * MS_U));
    }

    #[test]
    fn tpot_divides_by_tokens_and_not_by_chunks() {
        let mut record = stream(0, &[10, 20, 40]);
        record.tokens.output_usage = Some(7);
        assert_eq!(RequestMetrics::of(&record).tpot, Some(5 * MS_U));
    }

    #[test]
    fn tpot_needs_two_tokens_in_two_chunks() {
        assert_eq!(RequestMetrics::of(&stream(0, &[10])).tpot, None);
        let mut one_token = stream(0, &[10, 20]);
        one_token.tokens.output_usage = Some(1);
        assert_eq!(RequestMetrics::of(&one_token).tpot, None);
        let mut one_chunk = stream(0, &[10]);
        one_chunk.tokens.output_usage = Some(9);
        assert_eq!(RequestMetrics::of(&one_chunk).tpot, None);
    }

    #[test]
    fn without_a_stream_only_the_end_counts() {
        let metrics = RequestMetrics::of(&whole(100, 180, 9));
        assert_eq!(
            (metrics.ttft, metrics.tpot, metrics.ttft_sched),
            (None, None, None)
        );
        assert_eq!(
            (metrics.e2e, metrics.e2e_sched),
            (Some(80 * MS_U), Some(82 * MS_U))
        );
    }

    #[test]
    fn a_request_that_was_never_sent_has_no_times() {
        let mut record = failure(100, 120, ErrorKind::Connect);
        record.times.sent = None;
        assert_eq!(RequestMetrics::of(&record), RequestMetrics::default());
    }

    #[test]
    fn tokens_are_the_servers_count_or_else_the_chunks() {
        let mut record = stream(0, &[10, 20, 40]);
        record.tokens.output_usage = Some(7);
        assert_eq!(output_tokens(&record), Some(7));
        record.tokens.source = TokensSource::Chunks;
        assert_eq!(output_tokens(&record), Some(3));
        record.tokens.chunks = None;
        assert_eq!(output_tokens(&record), Some(3), "counted in the events");
    }

    #[test]
    fn reasoning_that_was_never_streamed_is_no_output() {
        let mut record = stream(0, &[10, 20, 40]);
        record.tokens.output_usage = Some(50);
        record.tokens.reasoning_usage = Some(47);
        assert_eq!(output_tokens(&record), Some(3));
        record.events.kind[1] = EventKind::CHOICES.with(EventKind::REASONING);
        assert_eq!(output_tokens(&record), Some(50), "it was streamed");
    }

    #[test]
    fn the_start_is_a_choice() {
        let metrics = RequestMetrics::of(&stream(100, &[150, 160]));
        assert_eq!(metrics.ttft_from(Start::Sent), metrics.ttft);
        assert_eq!(metrics.ttft_from(Start::Intended), metrics.ttft_sched);
        assert_eq!(metrics.e2e_from(Start::Intended), metrics.e2e_sched);
    }
}
