//! Which streams may end with their next token.
//!
//! Most servers send the end of a stream at the same moment as its last token. Both are read at once then, and when the token
//! arrived is known only from the poll before. So a thread polls more often while a stream may end.

use super::exchange::Exchange;

/// How far away a stream's end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    /// More than one token.
    Distant,
    /// It may come with the next token.
    Near,
}

/// What is known about the ends of streams.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Requests that may end with their next token.
    watched: u32,
    /// The smallest share of a planned output's tokens that a whole stream came in, as chunks; `None` before the first one.
    /// It is 1 if streams have a chunk a token and end as planned.
    ends_at: Option<f64>,
}

impl Watch {
    /// Whether any stream may end with its next token.
    pub(super) const fn is_on(&self) -> bool {
        self.watched > 0
    }

    /// Looks at a request after a read. Before the first token nothing is watched for: as the last chunk of its read it is
    /// known exactly, and otherwise it ends no gap.
    pub(super) fn look_at(&mut self, exchange: &mut Exchange) {
        let chunks = exchange.reader.summary().token_chunks;
        let may_end = chunks > 0 && self.may_end_after(chunks + 1, exchange.asked.output_planned);
        if may_end && exchange.outlook == Outlook::Distant {
            exchange.outlook = Outlook::Near;
            self.watched += 1;
        }
    }

    fn may_end_after(&self, chunks: u32, planned: u32) -> bool {
        self.ends_at
            .is_none_or(|share| f64::from(chunks) >= share * f64::from(planned))
    }

    /// A request has ended; `whole` if with its response.
    pub(super) fn ended(&mut self, exchange: &Exchange, whole: bool) {
        if exchange.outlook == Outlook::Near {
            self.watched = self.watched.saturating_sub(1);
        }
        let (chunks, planned) = (
            exchange.reader.summary().token_chunks,
            exchange.asked.output_planned,
        );
        if whole && chunks > 0 && planned > 0 {
            self.learn(f64::from(chunks) / f64::from(planned));
        }
    }

    fn learn(&mut self, share: f64) {
        self.ends_at = Some(self.ends_at.map_or(share, |known| known.min(share)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_expected_to_end_where_others_did() {
        let mut watch = Watch::default();
        assert!(watch.may_end_after(2, 64), "nothing is known yet");
        watch.learn(1.0);
        assert!(!watch.may_end_after(63, 64) && watch.may_end_after(64, 64) && watch.may_end_after(65, 64));
        assert!(watch.may_end_after(5, 5));
        // Several tokens a chunk, or an early end.
        watch.learn(0.25);
        assert!(!watch.may_end_after(15, 64) && watch.may_end_after(16, 64));
        watch.learn(0.5);
        assert!(watch.may_end_after(16, 64));
    }
}
