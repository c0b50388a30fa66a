//! Time since a history began.

use hpcbench_core::Timestamp;

/// Time since the first event: the sum of the gaps between events. Clocks annotate and do not order: where an event is
/// earlier than the one before it, because a clock was set back or another host went on, the gap counts as none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Elapsed {
    micros: u64,
    last: Option<Timestamp>,
}

impl Elapsed {
    /// An event happens; microseconds since the first one.
    pub(crate) fn advance(&mut self, at: Timestamp) -> u64 {
        let gap = self
            .last
            .map_or(0, |last| at.as_micros().saturating_sub(last.as_micros()));
        self.micros = self.micros.saturating_add(u64::try_from(gap).unwrap_or(0));
        self.last = Some(at);
        self.micros
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_does_not_take_time_away() {
        let mut elapsed = Elapsed::default();
        let times = [500, 700, 100, 130, i64::MIN, i64::MAX].map(Timestamp::from_micros);
        let since: Vec<u64> = times.into_iter().map(|at| elapsed.advance(at)).collect();
        assert_eq!(since[..4], [0, 200, 200, 230]);
        assert_eq!(since[4], 230);
        assert!(since[5] > 230);
    }
}
