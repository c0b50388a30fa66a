//! The clock, receive time stamps of the kernel, and timers: what measurements rest on.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use hpcbench_timing::{DeadlineTimer, Monotonic, Realtime, StampKeeper, enable_receive_stamps, recv_stamped};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::super::check::Check;

/// The clock source in use.
const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
/// Sources that are read without a system call.
const FAST_SOURCES: &[&str] = &[
    "tsc",
    "arch_sys_counter",
    "kvm-clock",
    "hyperv_clocksource_tsc_page",
];
/// The kernel begins to stamp a little after it was asked to.
const STAMPS_SETTLE: Duration = Duration::from_millis(50);
/// Longest wait for a byte on the loopback interface, and for a timer.
const WAIT_MS: u16 = 1_000;
/// Timers that are tried, and how far ahead they are set.
const TIMERS: usize = 200;
const AHEAD_NS: i64 = 1_000_000;
/// Lateness of timers (p99) above which scheduled sends are late. The verdict suspects from 1 ms on.
const LATE_NS: u64 = 200_000;

/// What was found out. Errors are in words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clock {
    source: Option<String>,
    /// Whether a read had a stamp between the send and the read.
    stamped: Result<bool, String>,
    /// Lateness of timers, nanoseconds, sorted.
    lateness: Result<Vec<u64>, String>,
}

pub(super) fn gather() -> Clock {
    let source = std::fs::read_to_string(SOURCE).ok();
    Clock {
        source: source.map(|text| text.trim().to_owned()),
        stamped: exchange().map_err(|error| error.to_string()),
        lateness: try_timers().map_err(|error| error.to_string()),
    }
}

/// Sends a byte over the loopback interface.
fn exchange() -> io::Result<bool> {
    let _keeper = StampKeeper::new()?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let receiver = TcpStream::connect(listener.local_addr()?)?;
    let (mut sender, _) = listener.accept()?;
    enable_receive_stamps(&receiver)?;
    receiver.set_read_timeout(Some(Duration::from_millis(WAIT_MS.into())))?;
    std::thread::sleep(STAMPS_SETTLE);
    let before = Realtime::now();
    sender.write_all(&[0])?;
    let received = recv_stamped(&receiver, &mut [0])?;
    let after = Realtime::now();
    Ok(received
        .stamp
        .is_some_and(|stamp| (before..=after).contains(&stamp)))
}

fn try_timers() -> io::Result<Vec<u64>> {
    let mut timer = DeadlineTimer::new()?;
    let mut lateness = Vec::with_capacity(TIMERS);
    for _ in 0..TIMERS {
        let deadline = Monotonic::now().plus_nanos(AHEAD_NS);
        timer.set(Some(deadline))?;
        poll(
            &mut [PollFd::new(timer.as_fd(), PollFlags::POLLIN)],
            PollTimeout::from(WAIT_MS),
        )?;
        lateness.push(Monotonic::now().nanos_since(deadline).max(0).unsigned_abs());
        timer.clear()?;
    }
    lateness.sort_unstable();
    Ok(lateness)
}

/// Bad clocks do not keep a run from working; its numbers are then doubted.
pub(super) fn judge(clock: &Clock) -> Vec<Check> {
    vec![
        source(clock.source.as_deref()),
        stamps(&clock.stamped),
        timers(&clock.lateness),
    ]
}

fn source(source: Option<&str>) -> Check {
    const NAME: &str = "clock source";
    match source {
        None => Check::ok(NAME, "the system does not tell"),
        Some(fast) if FAST_SOURCES.contains(&fast) => Check::ok(NAME, fast),
        Some(slow) => Check::warning(
            NAME,
            slow,
            "each look at this clock may be a system call, which costs the client time; ask for tsc",
        ),
    }
}

fn stamps(stamped: &Result<bool, String>) -> Check {
    const NAME: &str = "receive stamps";
    let advice = "arrivals are stamped when they are read, so that every verdict is `suspect` at best; \
                  use a kernel with SO_TIMESTAMPING";
    match stamped {
        Ok(true) => Check::ok(NAME, "the kernel stamps what arrives"),
        Ok(false) => Check::warning(
            NAME,
            "what arrived had no stamp of the kernel, or a wrong one",
            advice,
        ),
        Err(why) => Check::warning(NAME, format!("the kernel gives none: {why}"), advice),
    }
}

fn timers(lateness: &Result<Vec<u64>, String>) -> Check {
    const NAME: &str = "timers";
    let sorted = match lateness {
        Ok(sorted) => sorted,
        Err(why) => {
            return Check::warning(
                NAME,
                format!("cannot be had: {why}"),
                "open shapes of load cannot be kept",
            );
        }
    };
    let quantile = |q| sorted.get(hpcbench_stats::rank(sorted.len() as u64, q) as usize - 1);
    let (Some(&median), Some(&p99)) = (quantile(0.5), quantile(0.99)) else {
        return Check::ok(NAME, "none was tried");
    };
    let found = format!("late by {} µs (p99 {} µs)", median / 1_000, p99 / 1_000);
    if p99 > LATE_NS {
        let advice = "other programs keep the processors busy, or the machine is virtual: scheduled requests will be late";
        Check::warning(NAME, found, advice)
    } else {
        Check::ok(NAME, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    #[test]
    fn sources_that_cost_a_system_call_are_told() {
        assert_eq!(source(Some("tsc")).status, Status::Ok);
        assert_eq!(source(Some("hpet")).status, Status::Warning);
        assert_eq!(source(None).status, Status::Ok);
    }

    #[test]
    fn without_stamps_numbers_are_doubted() {
        assert_eq!(stamps(&Ok(true)).status, Status::Ok);
        assert_eq!(stamps(&Ok(false)).status, Status::Warning);
        assert_eq!(stamps(&Err("not supported".to_owned())).status, Status::Warning);
    }

    #[test]
    fn two_late_timers_in_a_hundred_are_too_many() {
        let with_late = |late| {
            let mut all = vec![20_000; 100 - late];
            all.extend(vec![LATE_NS + 1; late]);
            timers(&Ok(all)).status
        };
        assert_eq!(with_late(1), Status::Ok);
        assert_eq!(with_late(2), Status::Warning);
        assert_eq!(timers(&Ok(Vec::new())).status, Status::Ok);
    }

    #[test]
    fn timers_never_fire_early() {
        let lateness = try_timers().unwrap();
        assert_eq!(lateness.len(), TIMERS);
        assert!(
            lateness.is_sorted() && lateness[0] < 1_000_000_000,
            "{lateness:?}"
        );
    }
}
