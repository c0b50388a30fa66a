//! When the events of a playback are due.

use std::time::Duration;

use hpcbench_core::Timestamp;
use hpcbench_core::event::RawEvent;

use super::speed::Speed;

/// Longest pause before an epoch begins: between two epochs a run may have waited for days until somebody resumed it.
pub(super) const MAX_IDLE: Duration = Duration::from_secs(5);

/// When the events of a playback are due, one after the other.
#[derive(Debug)]
pub(super) struct Schedule {
    speed: Speed,
    last: Option<Timestamp>,
    due: Duration,
}

/// When an event is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// Since the playback began.
    pub(super) at: Duration,
    /// How long nothing happened before it, where that is not played in full.
    pub(super) skipped: Option<Duration>,
}

impl Schedule {
    pub(super) const fn new(speed: Speed) -> Self {
        Self {
            speed,
            last: None,
            due: Duration::ZERO,
        }
    }

    /// When the next event is due. Where a clock was set back there is no pause.
    pub(super) fn next(&mut self, event: &RawEvent) -> Due {
        let gap = self
            .last
            .map_or(0, |last| event.at.as_micros().saturating_sub(last.as_micros()));
        let gap = u64::try_from(gap).unwrap_or(0);
        self.last = Some(event.at);
        let pause = self.speed.scale(gap);
        let is_idle = event.kind == "epoch.started" && pause > MAX_IDLE;
        let played = if is_idle { MAX_IDLE } else { pause };
        self.due = self.due.saturating_add(played);
        Due {
            at: self.due,
            skipped: is_idle.then(|| Duration::from_micros(gap)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::event;
    use super::*;

    fn due(speed: &str, events: &[(&str, i64)]) -> Vec<Due> {
        let mut schedule = Schedule::new(speed.parse().unwrap());
        let events = events.iter().enumerate();
        events
            .map(|(index, (kind, second))| schedule.next(&event(index as u64 + 1, kind, *second)))
            .collect()
    }

    fn seconds(due: &[Due]) -> Vec<f64> {
        due.iter().map(|due| due.at.as_secs_f64()).collect()
    }

    #[test]
    fn pauses_are_those_of_the_run_divided_by_the_speed() {
        let events = [
            ("epoch.started", 100),
            ("run.created", 100),
            ("node.joined", 103),
            ("node.left", 133),
        ];
        assert_eq!(seconds(&due("1", &events)), [0.0, 0.0, 3.0, 33.0]);
        assert_eq!(seconds(&due("10", &events)), [0.0, 0.0, 0.3, 3.3]);
        assert!(due("1", &events).iter().all(|due| due.skipped.is_none()));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_pause() {
        let events = [
            ("a.b", 100),
            ("a.b", 102),
            ("a.b", 20),
            ("a.b", 21),
            ("a.b", i64::MIN),
            ("a.b", 30),
        ];
        assert_eq!(seconds(&due("1", &events))[..5], [0.0, 2.0, 2.0, 3.0, 3.0]);
    }

    #[test]
    fn a_run_that_waited_to_be_resumed_is_played_without_the_wait() {
        let day = 86_400;
        let events = [
            ("epoch.started", 0),
            ("a.b", 3),
            ("epoch.started", day),
            ("a.b", day + 60),
        ];
        let played = due("1", &events);
        assert_eq!(seconds(&played), [0.0, 3.0, 8.0, 68.0]);
        let skipped: Vec<_> = played.iter().map(|due| due.skipped).collect();
        assert_eq!(
            skipped,
            [None, None, Some(Duration::from_secs(day as u64 - 3)), None]
        );
        let fast = due("86400", &events);
        assert!(fast.iter().all(|due| due.skipped.is_none()), "{fast:?}");
    }

    #[test]
    fn what_no_clock_can_show_is_due_at_the_end_of_time() {
        let events = [("a.b", 0), ("a.b", 100), ("a.b", 200)];
        assert_eq!(due("4.9e-324", &events)[2].at, Duration::MAX);
    }
}
