//! Waiting for sockets and for points in time, and knowing how long nobody looked.

use std::io;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use hpcbench_timing::{DeadlineTimer, Monotonic, Observation, PairedClock};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

/// Longest wait. Requests to stop are seen and timeouts are noticed within this time, and a stalled thread shows.
const MAX_WAIT: Duration = Duration::from_millis(10);

/// Most sockets that one poll reports. A poll that is full says nothing about the others.
const MAX_EVENTS: usize = 1024;

/// The timer's token; sockets count from 0.
const TIMER: Token = Token(usize::MAX);

/// A socket that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) slot: usize,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The peer has closed its side, or the connection failed.
    pub(super) closed: bool,
}

/// What a wait brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wake {
    pub(super) now: Monotonic,
    /// Nanoseconds for which nobody looked: between the last two polls, and what the wait overslept.
    pub(super) gap: u64,
    /// The real-time clock jumped.
    pub(super) clock_stepped: bool,
}

/// One thread's poll, with its clocks.
#[derive(Debug)]
pub(super) struct Poller {
    poll: Poll,
    events: Events,
    timer: DeadlineTimer,
    pub(super) clock: PairedClock,
    /// Number of the poll, from 1.
    turn: u64,
    /// Start of this poll.
    started: Monotonic,
    /// Number and start of the last poll before this one that reported every socket that was ready.
    complete: (u64, Monotonic),
    /// This poll reported every socket that was ready.
    is_complete: bool,
    /// End of the last poll.
    woke: Monotonic,
}

impl Poller {
    pub(super) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = DeadlineTimer::new()?;
        poll.registry()
            .register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        let now = Monotonic::now();
        Ok(Self {
            poll,
            events: Events::with_capacity(MAX_EVENTS),
            timer,
            clock: PairedClock::new(),
            turn: 0,
            started: now,
            complete: (0, now),
            is_complete: false,
            woke: now,
        })
    }

    pub(super) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Number of the last poll.
    pub(super) fn turn(&self) -> u64 {
        self.turn
    }

    /// Start of the last poll that did not report a socket, which poll `reported_in` was the last one to report
    /// before this: at that time nothing was waiting in it.
    pub(super) fn seen_empty(&self, reported_in: u64) -> Option<Monotonic> {
        let (turn, started) = self.complete;
        (turn > reported_in).then_some(started)
    }

    /// Waits for sockets, at most until `wake_at` (a time that has passed: not at all), and puts those that are
    /// ready into `ready`.
    pub(super) fn wait(&mut self, wake_at: Option<Monotonic>, ready: &mut Vec<Ready>) -> io::Result<Wake> {
        ready.clear();
        if self.is_complete {
            self.complete = (self.turn, self.started);
        }
        let started = Monotonic::now();
        let latest = started.plus(MAX_WAIT);
        let until = wake_at.map_or(latest, |at| at.min(latest)).max(started);
        let timeout = if until == started {
            Duration::ZERO
        } else {
            MAX_WAIT
        };
        if started < until && until < latest {
            self.timer.set(Some(until))?;
        }
        self.turn += 1;
        self.started = started;
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            Err(error) => return Err(error),
        }
        let (reading, observation) = self.clock.wake_up();
        let reported = self.collect(ready)?;
        self.is_complete = reported < MAX_EVENTS;
        let now = reading.after;
        let busy = started.nanos_since(self.woke).max(0);
        let overslept = now.nanos_since(until).max(0);
        self.woke = now;
        let clock_stepped = matches!(observation, Observation::Step(_));
        Ok(Wake {
            now,
            gap: (busy + overslept) as u64,
            clock_stepped,
        })
    }

    /// Copies what the poll reported; returns how much that was.
    fn collect(&mut self, ready: &mut Vec<Ready>) -> io::Result<usize> {
        let mut reported = 0;
        for event in &self.events {
            reported += 1;
            if event.token() == TIMER {
                self.timer.clear()?;
            } else {
                ready.push(Ready {
                    slot: event.token().0,
                    readable: event.is_readable(),
                    writable: event.is_writable(),
                    closed: event.is_read_closed() || event.is_error(),
                });
            }
        }
        Ok(reported)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn wakes_in_time_and_within_the_longest_wait() {
        let mut poller = Poller::new().unwrap();
        let mut ready = Vec::new();
        let at = Monotonic::now().plus_nanos(2_000_000);
        let mut now = Monotonic(0);
        // The timer of an earlier wait may end one too early, never too late.
        while now < at {
            now = poller.wait(Some(at), &mut ready).unwrap().now;
        }
        assert!(now.nanos_since(at) < 500_000_000 && ready.is_empty());
        let before = Monotonic::now();
        let wake = poller.wait(None, &mut ready).unwrap();
        assert!(wake.now.nanos_since(before) >= 9_000_000);
        assert!(
            poller
                .wait(Some(before), &mut ready)
                .unwrap()
                .now
                .nanos_since(wake.now)
                < 500_000_000
        );
    }

    #[test]
    fn polls_that_did_not_report_a_socket_bound_its_arrivals() {
        let mut poller = Poller::new().unwrap();
        let mut ready = Vec::new();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut socket = mio::net::TcpStream::from_std(listener.accept().unwrap().0);
        poller
            .registry()
            .register(&mut socket, Token(3), Interest::READABLE)
            .unwrap();
        let past = Some(Monotonic(0));
        poller.wait(past, &mut ready).unwrap();
        assert!(ready.is_empty());
        peer.write_all(b"x").unwrap();
        let before = Monotonic::now();
        poller.wait(None, &mut ready).unwrap();
        assert!(ready.len() == 1 && ready[0].slot == 3 && ready[0].readable && !ready[0].closed);
        // The first poll found it empty; this one did not.
        let seen = poller.seen_empty(0).unwrap();
        assert!(seen < before);
        let turn = poller.turn();
        poller.wait(past, &mut ready).unwrap();
        assert_eq!(poller.seen_empty(turn), None);
        poller.wait(past, &mut ready).unwrap();
        assert!(poller.seen_empty(turn).unwrap() > before);
    }

    #[test]
    fn time_away_is_a_gap() {
        let mut poller = Poller::new().unwrap();
        let mut ready = Vec::new();
        poller.wait(Some(Monotonic(0)), &mut ready).unwrap();
        std::thread::sleep(Duration::from_millis(30));
        let wake = poller.wait(Some(Monotonic(0)), &mut ready).unwrap();
        assert!(wake.gap >= 30_000_000);
    }
}
