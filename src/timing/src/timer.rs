//! A timer that a poll can wait for.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::clock::Monotonic;

/// Nanoseconds in a second.
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A one-shot timer with an absolute deadline on the monotonic clock, as a file descriptor (`timerfd`).
///
/// The timeout of `epoll_wait` counts whole milliseconds; this one is late by some ten microseconds on an idle
/// machine. Register it for reading; after it became readable, [`clear`](Self::clear) it.
#[derive(Debug)]
pub struct DeadlineTimer {
    timer: TimerFd,
    armed: Option<Monotonic>,
}

impl DeadlineTimer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        Ok(Self { timer, armed: None })
    }

    /// Sets the deadline, or none. Setting the deadline that is already set costs nothing; one in the past fires
    /// at once.
    ///
    /// # Errors
    /// Those of `timerfd_settime(2)`.
    pub fn set(&mut self, deadline: Option<Monotonic>) -> io::Result<()> {
        if deadline == self.armed {
            return Ok(());
        }
        match deadline {
            None => self.timer.unset()?,
            Some(Monotonic(nanos)) => {
                // A deadline of zero would disarm the timer.
                let nanos = nanos.max(1);
                let at = TimeSpec::new(nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
                self.timer
                    .set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            }
        }
        self.armed = deadline;
        Ok(())
    }

    /// The deadline that is set.
    #[must_use]
    pub const fn deadline(&self) -> Option<Monotonic> {
        self.armed
    }

    /// Takes note that the timer fired, so that it is no longer readable. True if it really had fired.
    ///
    /// # Errors
    /// Those of `read(2)`.
    pub fn clear(&mut self) -> io::Result<bool> {
        match self.timer.wait() {
            Ok(()) => {
                self.armed = None;
                Ok(true)
            }
            Err(Errno::EAGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for DeadlineTimer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

impl AsRawFd for DeadlineTimer {
    fn as_raw_fd(&self) -> RawFd {
        self.timer.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn readable(timer: &DeadlineTimer, timeout: PollTimeout) -> bool {
        let mut fds = [PollFd::new(timer.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, timeout).unwrap() == 1
    }

    #[test]
    fn fires_at_its_deadline_and_never_before() {
        let mut timer = DeadlineTimer::new().unwrap();
        let deadline = Monotonic::now().plus_nanos(3_300_000);
        timer.set(Some(deadline)).unwrap();
        assert!(!timer.clear().unwrap());
        assert!(readable(&timer, PollTimeout::from(5_000_u16)));
        assert!(Monotonic::now() >= deadline);
        assert!(timer.clear().unwrap());
        assert_eq!(timer.deadline(), None);
        assert!(!readable(&timer, PollTimeout::ZERO));
    }

    #[test]
    fn the_past_fires_at_once_and_none_disarms() {
        let mut timer = DeadlineTimer::new().unwrap();
        timer.set(Some(Monotonic(-5))).unwrap();
        assert!(readable(&timer, PollTimeout::from(5_000_u16)));
        timer.set(None).unwrap();
        assert!(!readable(&timer, PollTimeout::ZERO));
    }
}
