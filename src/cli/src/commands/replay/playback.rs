//! Plays a run again.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use hpcbench_journal::Entry;
use hpcbench_report::{Until, history, length_of_time, read_plan};

use super::schedule::{Due, MAX_IDLE, Schedule};
use super::speed::Speed;
use crate::feed::{FeedFormat, Printer, TypeFilter};
use crate::terminal;

/// Where events go.
pub(super) trait Sink {
    /// The next event.
    fn event(&mut self, entry: &Entry) -> anyhow::Result<()>;
    /// Nothing comes for a while: whatever is held back goes on its way.
    fn flush(&mut self) -> anyhow::Result<()>;
}

/// The time since a playback began.
pub(super) trait Clock {
    fn elapsed(&self) -> Duration;
    fn sleep(&mut self, duration: Duration);
}

/// The clock on the wall.
pub(super) struct RealTime(Instant);

impl RealTime {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RealTime {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Prints the events as they are due. An interrupt ends the process at once, as it does any that holds nothing.
pub(super) fn print(run_dir: &Path, until: Until, speed: Speed, format: FeedFormat) -> anyhow::Result<()> {
    let printer = Printer::new(&read_plan(run_dir)?, format, TypeFilter::default(), io::stdout());
    let entries = history(run_dir, until)?.map(|entry| Ok(entry?));
    play(
        entries,
        Some(speed),
        &mut RealTime::start(),
        &mut Printed(printer),
    )
}

/// Hands each event on when it is due; without a speed, at once. What takes longer than the run did is not waited for: it goes on as fast as it
/// can until it is back in time.
pub(super) fn play(
    entries: impl Iterator<Item = anyhow::Result<Entry>>,
    speed: Option<Speed>,
    clock: &mut impl Clock,
    sink: &mut impl Sink,
) -> anyhow::Result<()> {
    let mut schedule = speed.map(Schedule::new);
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                sink.flush()?;
                return Err(error);
            }
        };
        if let Some(Due { at, skipped }) = schedule.as_mut().map(|schedule| schedule.next(&entry.event)) {
            let wait = at.saturating_sub(clock.elapsed());
            if !wait.is_zero() {
                sink.flush()?;
                clock.sleep(wait);
            }
            if let Some(skipped) = skipped {
                sink.flush()?;
                terminal::say(&idle_words(skipped));
            }
        }
        sink.event(&entry)?;
    }
    sink.flush()
}

fn idle_words(skipped: Duration) -> String {
    format!(
        "nothing happened for {} until the next epoch began; that took {} here",
        length_of_time(skipped.as_secs_f64()),
        length_of_time(MAX_IDLE.as_secs_f64())
    )
}

struct Printed<W: io::Write>(Printer<W>);

impl<W: io::Write> Sink for Printed<W> {
    fn event(&mut self, entry: &Entry) -> anyhow::Result<()> {
        self.0
            .event(&entry.event, &entry.line)
            .context("failed to print an event")
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.0.flush().context("failed to print the events")
    }
}

#[cfg(test)]
mod tests {
    use hpcbench_core::Epoch;
    use hpcbench_journal::{LineHash, Position};

    use super::super::testing::event;
    use super::*;

    /// A clock that only sleeping moves.
    #[derive(Default)]
    struct Dreams {
        now: Duration,
        sleeps: Vec<u64>,
    }

    impl Clock for Dreams {
        fn elapsed(&self) -> Duration {
            self.now
        }

        fn sleep(&mut self, duration: Duration) {
            self.now += duration;
            self.sleeps.push(duration.as_millis() as u64);
        }
    }

    #[derive(Default)]
    struct Noted(Vec<String>);

    impl Sink for Noted {
        fn event(&mut self, entry: &Entry) -> anyhow::Result<()> {
            self.0.push(entry.event.seq.to_string());
            Ok(())
        }

        fn flush(&mut self) -> anyhow::Result<()> {
            self.0.push("flush".to_owned());
            Ok(())
        }
    }

    fn entry(seq: u64, kind: &str, second: i64) -> Entry {
        Entry {
            event: event(seq, kind, second),
            line: b"{}".as_slice().into(),
            hash: LineHash::EMPTY,
            position: Position {
                epoch: Epoch(1),
                line: seq,
                offset: 0,
            },
        }
    }

    #[test]
    fn events_come_when_they_are_due_and_what_came_before_is_seen_meanwhile() {
        let (mut clock, mut sink) = (Dreams::default(), Noted::default());
        let entries = [
            entry(1, "a.b", 0),
            entry(2, "a.b", 0),
            entry(3, "a.b", 3),
            entry(4, "a.b", 1),
        ];
        play(
            entries.into_iter().map(Ok),
            "2".parse().ok(),
            &mut clock,
            &mut sink,
        )
        .unwrap();
        assert_eq!(clock.sleeps, [1500]);
        assert_eq!(sink.0, ["1", "2", "flush", "3", "4", "flush"]);
    }

    #[test]
    fn who_is_late_does_not_wait() {
        let (mut clock, mut sink) = (Dreams::default(), Noted::default());
        clock.now = Duration::from_secs(2);
        let entries = [entry(1, "a.b", 0), entry(2, "a.b", 1), entry(3, "a.b", 3)];
        play(
            entries.into_iter().map(Ok),
            "1".parse().ok(),
            &mut clock,
            &mut sink,
        )
        .unwrap();
        assert_eq!(clock.sleeps, [1000]);
    }

    #[test]
    fn what_came_before_damage_is_seen() {
        let (mut clock, mut sink) = (Dreams::default(), Noted::default());
        let entries = [
            Ok(entry(1, "a.b", 0)),
            Err(anyhow::anyhow!("damaged")),
            Ok(entry(3, "a.b", 3)),
        ];
        let played = play(entries.into_iter(), "1".parse().ok(), &mut clock, &mut sink);
        assert_eq!(played.unwrap_err().to_string(), "damaged");
        assert_eq!(sink.0, ["1", "flush"]);
    }

    #[test]
    fn a_skipped_wait_is_told() {
        assert_eq!(
            idle_words(Duration::from_secs(7512)),
            "nothing happened for 2 h 05 min until the next epoch began; that took 5.00 s here"
        );
    }
}
