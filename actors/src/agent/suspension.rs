//! Whether this process stood still: its job was suspended, or somebody stopped it.
//!
//! What was measured meanwhile is worth nothing, and its silence was no death.

use std::io;
use std::time::{Duration, Instant};

/// Pause between two looks at the clock.
const LOOK: Duration = Duration::from_millis(200);
/// A gap above this counts.
const GAP: Duration = Duration::from_secs(1);

/// Looks at the clock from a thread of its own, which no work of this process delays, for as long as the process lives; tells
/// each gap.
pub(super) fn watch(tell: impl Fn(Duration) + Send + 'static) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("clock".to_owned());
    thread.spawn(move || {
        let mut last = Instant::now();
        loop {
            std::thread::sleep(LOOK);
            let now = Instant::now();
            if let Some(gap) = gap(now.saturating_duration_since(last)) {
                tell(gap);
            }
            last = now;
        }
    })?;
    Ok(())
}

/// How long the process stood still if this much time passed between two looks.
fn gap(passed: Duration) -> Option<Duration> {
    let gap = passed.saturating_sub(LOOK);
    (gap > GAP).then_some(gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_than_a_second_counts() {
        assert_eq!(gap(LOOK), None);
        assert_eq!(gap(LOOK + GAP), None);
        assert_eq!(gap(Duration::from_millis(10)), None);
        assert_eq!(gap(LOOK + Duration::from_secs(3)), Some(Duration::from_secs(3)));
    }
}
