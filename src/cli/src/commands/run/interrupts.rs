//! The user's and the batch system's wishes to end the run: signals.

use std::io;

use hpcbench_actors::orchestrator::Interrupt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::live::Screen;

/// Number of SIGHUP, which ends a process whose terminal is closed.
const HANGUP_BIT: u64 = 1 << (nix::libc::SIGHUP - 1);

/// Wishes that may wait to be heeded: a person has two.
const MAX_WAITING: usize = 16;

/// Listens to signals from now on, in a batch job also to its own. To be called within a runtime.
///
/// # Errors
/// The system refuses a handler.
pub(super) fn listen(screen: Screen, in_job: bool) -> io::Result<Receiver<Interrupt>> {
    let signals = Signals {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
        // Under nohup the run goes on without its terminal.
        hangup: if ignores_hangup() {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        },
        near_limit: signal(SignalKind::user_defined1())?,
    };
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    tokio::spawn(forward(signals, in_job, sender, screen));
    Ok(receiver)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
    near_limit: Signal,
}

impl Signals {
    /// The next wish. In a batch job SIGUSR1 tells that its time is nearly up, and SIGTERM that everything is killed soon.
    async fn next(&mut self, in_job: bool) -> Interrupt {
        let hung_up = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Interrupt::Cancel("SIGINT"),
            _ = self.terminate.recv() => if in_job {
                Interrupt::JobEnding { reason: "SIGTERM: the job is cancelled, preempted or out of time", at_once: true }
            } else {
                Interrupt::Cancel("SIGTERM")
            },
            _ = hung_up => Interrupt::Cancel("SIGHUP"),
            _ = self.near_limit.recv(), if in_job => {
                Interrupt::JobEnding { reason: "SIGUSR1: the job's time is nearly up", at_once: false }
            }
        }
    }
}

async fn forward(mut signals: Signals, in_job: bool, sender: Sender<Interrupt>, screen: Screen) {
    let mut first = true;
    loop {
        let interrupt = signals.next(in_job).await;
        // Sent before it is said: a terminal may be slow or stopped. Signals that come while one waits here are one.
        if sender.send(interrupt).await.is_err() {
            return;
        }
        screen.say(match interrupt {
            Interrupt::JobEnding { reason, .. } => reason,
            Interrupt::Cancel(_) if first => {
                "cancelling: the service and the agents end in order; press Ctrl-C again to end at once"
            }
            Interrupt::Cancel(_) => "ending at once",
        });
        first &= !matches!(interrupt, Interrupt::Cancel(_));
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
