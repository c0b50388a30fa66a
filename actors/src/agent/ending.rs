//! How an agent ends that nobody lets end in order: everything that it has started ends first.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::{children_of, kill_descendants};

/// How long guards and what is below them may take. Everything has to be over before a batch system loses its patience.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long that may take by force. A process in an uninterruptible wait does not end at all.
const FORCE: Duration = Duration::from_secs(2);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Ends every process below this one: asks the guards, then forces.
pub(super) async fn end_descendants() {
    let own = std::process::id();
    let until = Instant::now() + PATIENCE;
    for pid in children_of(own) {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM);
    }
    while alive(own) && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
    let until = Instant::now() + FORCE;
    while alive(own) && kill_descendants(own, &[]) > 0 && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether a child lives. Those that have ended are waited for by whoever started them, or by nobody.
fn alive(own: u32) -> bool {
    children_of(own)
        .into_iter()
        .any(|pid| crate::shell::process_start(pid).is_some())
}
