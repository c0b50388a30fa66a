//! A file system that does not answer: nothing goes on until it does, and somebody should know.

use std::time::{Duration, Instant};

use hpcbench_core::Seq;

/// A sync that takes longer is told.
const LONG: Duration = Duration::from_secs(10);

/// Watches how long the oldest event has waited for the disk.
#[derive(Debug, Default)]
pub(super) struct Stall {
    waiting: Option<(Seq, Instant)>,
    is_told: bool,
}

impl Stall {
    /// Looks at the oldest event that is not synced, and tells a wait that is long; once, and again when it is over.
    pub(super) fn look(&mut self, oldest: Option<Seq>, now: Instant) {
        if let Some(words) = self.words(oldest, now) {
            tracing::warn!("{words}");
        }
    }

    fn words(&mut self, oldest: Option<Seq>, now: Instant) -> Option<String> {
        let since = match self.waiting {
            Some((seq, since)) if Some(seq) == oldest => since,
            former => {
                self.waiting = oldest.map(|seq| (seq, now));
                let (_, since) = former.filter(|_| std::mem::take(&mut self.is_told))?;
                let seconds = now.saturating_duration_since(since).as_secs();
                return Some(format!(
                    "the event log was synced after {seconds} s: the run goes on"
                ));
            }
        };
        let waited = now.saturating_duration_since(since);
        if waited <= LONG || std::mem::replace(&mut self.is_told, true) {
            return None;
        }
        Some(format!(
            "the event log has not been synced for {} s: its file system does not answer, and the run waits for it",
            waited.as_secs()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_told_once_and_so_is_its_end() {
        let (mut stall, start) = (Stall::default(), Instant::now());
        let mut look =
            |oldest: Option<u64>, seconds| stall.words(oldest.map(Seq), start + Duration::from_secs(seconds));
        assert_eq!(look(Some(1), 0), None);
        // Events that wait one after the other are no stall.
        assert_eq!(look(Some(2), 9), None);
        assert_eq!(look(Some(2), 19), None);
        assert!(look(Some(2), 20).is_some_and(|words| words.contains("not been synced for 11 s")));
        assert_eq!(look(Some(2), 30), None);
        assert!(look(None, 31).is_some_and(|words| words.contains("synced after 22 s")));
        assert_eq!(look(Some(3), 32), None);
    }
}
