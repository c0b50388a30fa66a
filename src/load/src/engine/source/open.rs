//! The schedule of an open shape: one thread's part of the trial's arrivals.

use hpcbench_timing::Monotonic;
use rand::rngs::Xoshiro256PlusPlus;

use super::Due;
use crate::schedule::Arrivals;
use crate::share::ClientShare;

/// One thread's arrivals, in order. An arrival waits, if it has to, inside the sequence that has not been drawn yet,
/// so that a queue of any length takes no memory.
#[derive(Debug)]
pub(crate) struct OpenSource {
    arrivals: OwnArrivals,
    /// The same sequence again, ahead of the other, to count those that wait.
    ahead: OwnArrivals,
    max_in_flight: u32,
    /// When a due arrival last found no room.
    blocked: Option<Monotonic>,
    /// Arrivals that have got their turn.
    drawn: u64,
    /// Arrivals whose time has come.
    due: u64,
}

/// A schedule that ends after a number of arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Arrivals of the whole trial.
    pub(crate) count: u64,
    /// From when on they are counted; earlier ones are made too.
    pub(crate) from: Monotonic,
}

/// When a schedule ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Never.
    Endless,
    /// Arrivals at this time and later are not made.
    Time(Monotonic),
    /// After a number of arrivals.
    Count(Limit),
}

impl OpenSource {
    /// The part of `share` in `arrivals`, which are counted from `start`.
    pub(crate) fn new(
        arrivals: Arrivals<Xoshiro256PlusPlus>,
        share: ClientShare,
        start: Monotonic,
        until: Until,
        max_in_flight: u32,
    ) -> Self {
        let mut own = OwnArrivals {
            arrivals,
            position: 0,
            counted: 0,
            share,
            start,
            until,
            head: None,
        };
        own.advance();
        let ahead = own.clone();
        Self {
            arrivals: own,
            ahead,
            max_in_flight,
            blocked: None,
            drawn: 0,
            due: 0,
        }
    }

    pub(super) fn next(&mut self, now: Monotonic, in_flight: u32) -> Option<Due> {
        let arrival = self.arrivals.head.filter(|arrival| arrival.at <= now)?;
        if in_flight >= self.max_in_flight {
            self.blocked = Some(now);
            return None;
        }
        Some(self.draw(arrival))
    }

    pub(super) fn next_due(&self, in_flight: u32) -> Option<Monotonic> {
        if in_flight >= self.max_in_flight {
            return None;
        }
        self.arrivals.head.map(|arrival| arrival.at)
    }

    pub(super) fn backlog(&mut self, now: Monotonic) -> u64 {
        while self.ahead.head.is_some_and(|arrival| arrival.at <= now) {
            self.ahead.advance();
            self.due += 1;
        }
        self.due.saturating_sub(self.drawn)
    }

    pub(super) fn abandon(&mut self, until: Monotonic) -> Option<Due> {
        let arrival = self.arrivals.head.filter(|arrival| arrival.at < until)?;
        Some(Due {
            queued: true,
            ..self.draw(arrival)
        })
    }

    pub(super) fn is_past(&self, time: Monotonic) -> bool {
        self.arrivals.head.is_none_or(|next| next.at >= time)
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.arrivals.head.is_none()
    }

    fn draw(&mut self, arrival: Arrival) -> Due {
        self.arrivals.advance();
        self.drawn += 1;
        let queued = self.blocked.is_some_and(|blocked| arrival.at <= blocked);
        Due {
            intended: arrival.at,
            position: Some(arrival.position),
            queued,
            user: 0,
            turn: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Arrival {
    at: Monotonic,
    position: u64,
}

/// A trial's arrivals, of which only this share's are seen.
#[derive(Debug, Clone)]
struct OwnArrivals {
    arrivals: Arrivals<Xoshiro256PlusPlus>,
    /// Position of the next arrival of the trial.
    position: u64,
    /// Arrivals of the trial that count against the limit, so far.
    counted: u64,
    share: ClientShare,
    start: Monotonic,
    until: Until,
    /// The next arrival of this share.
    head: Option<Arrival>,
}

impl OwnArrivals {
    fn advance(&mut self) {
        self.head = None;
        for nanos in self.arrivals.by_ref() {
            let at = self.start.plus_nanos(nanos);
            match self.until {
                Until::Time(end) if at >= end => return,
                Until::Count(limit) if at >= limit.from && self.counted >= limit.count => return,
                Until::Count(limit) => self.counted += u64::from(at >= limit.from),
                Until::Endless | Until::Time(_) => {}
            }
            let position = self.position;
            self.position += 1;
            if self.share.owns(position) {
                self.head = Some(Arrival { at, position });
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;
    use crate::spec::Shape;

    /// One arrival comes each microsecond; tests count in these.
    fn at(micros: i64) -> Monotonic {
        Monotonic(micros * 1_000)
    }

    fn source(share: ClientShare, until: Until, max_in_flight: u32) -> OpenSource {
        let shape = Shape::Constant {
            rate: 1e6,
            max_in_flight,
        };
        let arrivals = Arrivals::new(&shape, Xoshiro256PlusPlus::seed_from_u64(0))
            .unwrap()
            .unwrap();
        OpenSource::new(arrivals, share, at(100), until, max_in_flight)
    }

    fn drain(source: &mut OpenSource, now: i64) -> Vec<i64> {
        std::iter::from_fn(|| source.next(at(now), 0))
            .map(|due| due.intended.0 / 1_000)
            .collect()
    }

    #[test]
    fn arrivals_come_in_time() {
        let mut source = source(ClientShare::SOLE, Until::Endless, 9);
        assert_eq!(
            (drain(&mut source, 99), source.next_due(0)),
            (vec![], Some(at(100)))
        );
        assert_eq!(drain(&mut source, 102), [100, 101, 102]);
        assert!(source.is_past(at(103)) && !source.is_past(at(104)) && !source.is_exhausted());
    }

    #[test]
    fn a_full_server_makes_them_wait_and_none_is_lost() {
        let mut source = source(ClientShare::SOLE, Until::Endless, 2);
        assert!(!source.next(at(100), 1).unwrap().queued);
        assert_eq!(source.next(at(101), 2), None);
        assert_eq!(source.next(at(103), 2), None);
        assert_eq!((source.next_due(2), source.backlog(at(103))), (None, 3));
        let waited: Vec<bool> = (0..4).map(|_| source.next(at(104), 0).unwrap().queued).collect();
        assert_eq!(waited, [true, true, true, false]);
        assert_eq!(source.backlog(at(104)), 0);
    }

    #[test]
    fn schedules_end() {
        let mut timed = source(ClientShare::SOLE, Until::Time(at(102)), 9);
        assert_eq!(
            (drain(&mut timed, 500), timed.is_exhausted()),
            (vec![100, 101], true)
        );
        let limit = Limit {
            count: 3,
            from: at(102),
        };
        let mut counted = source(ClientShare::SOLE, Until::Count(limit), 9);
        assert_eq!(
            (drain(&mut counted, 500), counted.is_exhausted()),
            (vec![100, 101, 102, 103, 104], true)
        );
    }

    #[test]
    fn what_never_got_its_turn_is_told() {
        let mut source = source(ClientShare::SOLE, Until::Endless, 1);
        let left: Vec<i64> = std::iter::from_fn(|| source.abandon(at(102)))
            .map(|due| due.intended.0 / 1_000)
            .collect();
        assert_eq!(left, [100, 101]);
    }

    proptest! {
        #[test]
        fn shares_make_the_whole(count in 1_u32..6, limit in 0_u64..50, from in 90_i64..130) {
            let until = Until::Count(Limit { count: limit, from: at(from) });
            let mut parts: Vec<i64> = (0..count)
                .flat_map(|index| drain(&mut source(ClientShare { index, count }, until, 9), 10_000))
                .collect();
            parts.sort_unstable();
            prop_assert_eq!(parts, drain(&mut source(ClientShare::SOLE, until, 9), 10_000));
        }
    }
}
