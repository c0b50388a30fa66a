//! The user's wishes to end the run: signals.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::live::Screen;

/// Number of SIGHUP, which ends a process whose terminal is closed.
const HANGUP_BIT: u64 = 1 << (nix::libc::SIGHUP - 1);

/// Listens to signals from now on. To be called within a runtime.
///
/// # Errors
/// The system refuses a handler.
pub(super) fn listen(screen: Screen) -> io::Result<UnboundedReceiver<&'static str>> {
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    // Under nohup the run goes on without its terminal.
    let hangup = if ignores_hangup() {
        None
    } else {
        Some(signal(SignalKind::hangup())?)
    };
    // Unbounded, but only a person or a batch system writes to it.
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(forward(interrupt, terminate, hangup, sender, screen));
    Ok(receiver)
}

async fn forward(
    mut interrupt: Signal,
    mut terminate: Signal,
    mut hangup: Option<Signal>,
    sender: UnboundedSender<&'static str>,
    screen: Screen,
) {
    let mut first = true;
    loop {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            _ = hung_up => "SIGHUP",
        };
        // Sent before it is said: a terminal may be slow or stopped.
        if sender.send(name).is_err() {
            return;
        }
        screen.say(if first {
            "cancelling: the service and the agents end in order; press Ctrl-C again to end at once"
        } else {
            "ending at once"
        });
        first = false;
    }
}

/// Whether this process was started with SIGHUP ignored.
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| ignored_signals(&status) & HANGUP_BIT != 0)
}

fn ignored_signals(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        assert_eq!(
            ignored_signals("SigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n") & HANGUP_BIT,
            1
        );
        assert_eq!(ignored_signals("SigIgn:\t0000000000001000\n") & HANGUP_BIT, 0);
        assert_eq!(ignored_signals("nothing\n"), 0);
    }
}
