//! Progress where there is no terminal: a line for each noteworthy event, and one now and then while a trial runs.

use std::time::{Duration, Instant};

use super::progress::RunProgress;

/// Least time between two lines on how a load stands.
const PAUSE: Duration = Duration::from_secs(10);

/// When the last line on a load was printed.
#[derive(Debug)]
pub(super) struct Pace {
    last: Option<(usize, Instant)>,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { last: None }
    }

    /// The line on the running trial's load, if it is time for one.
    pub(super) fn line(&mut self, progress: &RunProgress, now: Instant) -> Option<String> {
        let running = progress.running.as_ref()?;
        let load = running.load()?;
        match self.last {
            // The first line of a trial comes after a pause too: before, there is little to tell.
            Some((number, at)) if number == running.number => {
                if now.saturating_duration_since(at) < PAUSE {
                    return None;
                }
                self.last = Some((number, now));
                Some(format!(
                    "trial {}/{}: {}",
                    running.number,
                    progress.trials,
                    load.in_words()
                ))
            }
            _ => {
                self.last = Some((running.number, now));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::progress::testing::run_under_load;

    #[test]
    fn a_line_comes_after_a_pause_and_not_sooner() {
        let mut pace = Pace::new();
        let began = Instant::now();
        let mut line =
            |number, seconds| pace.line(&run_under_load(number), began + Duration::from_secs(seconds));
        assert_eq!(line(1, 0), None);
        assert_eq!(line(1, 9), None);
        let text = "trial 1/2: 1/9 s, 10 in flight, 3 ok, 1 failed, 100 tok/s";
        assert_eq!(line(1, 10).as_deref(), Some(text));
        assert_eq!(line(1, 19), None);
        assert!(line(1, 20).is_some());
        assert_eq!(line(2, 40), None, "a new trial has little to tell");
        assert!(line(2, 50).is_some());
        assert_eq!(Pace::new().line(&RunProgress::default(), began), None);
    }
}
