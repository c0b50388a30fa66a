//! Texts of `/proc`, and the node that the tests run on.

use super::cpu::{load, shares, ticks};
use super::memory::memory;
use super::network::traffic;
use super::process::usage;
use super::*;
use crate::{Sample, Source};

#[test]
fn cpu_time_is_shared_out() {
    let before = ticks("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3 4\n").unwrap();
    let now = ticks("cpu  160 10 60 880 60 0 10 20 99 0\n").unwrap();
    // 200 ticks: 80 idle, 10 waiting, 20 stolen; a guest's time is within the user's.
    let shares = shares(before, now).unwrap();
    assert!((shares.busy - 0.55).abs() < 1e-9, "{shares:?}");
    assert!((shares.waiting - 0.05).abs() < 1e-9 && (shares.stolen - 0.1).abs() < 1e-9);
    assert_eq!(super::cpu::shares(now, now), None);
    assert_eq!(
        super::cpu::shares(now, before),
        None,
        "the clock of a host that was restored"
    );
    assert_eq!(ticks("intr 5"), None);
    assert_eq!(load("0.52 0.58 0.59 2/345 6789\n"), Some(0.52));
    assert_eq!(load(""), None);
}

#[test]
fn memory_is_in_bytes() {
    let text = "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\nSwapTotal: x kB\nHugePages_Total: 0\n";
    assert_eq!(
        memory(text),
        [
            ("memory_total_bytes", 16_777_216.0),
            ("memory_available_bytes", 8_388_608.0)
        ]
    );
}

#[test]
fn traffic_is_that_of_each_interface() {
    let text = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
        lo: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0\n  ib0:123 1 0 0 0 0 0 0 456 2 0 0 0 0 0 0\n  tun0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\nbad: 1 2\n";
    let seen: Vec<_> = traffic(text).map(|t| (t.interface, t.received, t.sent)).collect();
    assert_eq!(seen, [("lo", 1000, 1000), ("ib0", 123, 456)]);
}

#[test]
fn a_process_may_have_any_name() {
    let stat = "7 (a) b) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 4 0 1000 2000 300 18446744073709551615";
    let seen = usage(stat, 100.0).unwrap();
    assert_eq!((seen.cpu_seconds, seen.resident_pages), (2.0, 300));
    assert_eq!(usage("7 (short) R", 100.0), None);
}

#[test]
fn this_node_can_be_sampled() {
    let mut sampler = HostSampler::default();
    let mut samples = Vec::new();
    sampler.sample(1, &mut samples);
    let value = |samples: &[Sample], source, metric: &str| {
        let found = samples.iter().find(|s| s.source == source && s.metric == metric);
        found.map(|sample| sample.value)
    };
    assert!(value(&samples, Source::Host, "memory_total_bytes").unwrap() > 1e6);
    assert!(value(&samples, Source::Process, "resident_bytes").unwrap() > 1e5);
    assert_eq!(
        value(&samples, Source::Host, "cpu_busy_share"),
        None,
        "nothing to compare with"
    );
    std::thread::sleep(std::time::Duration::from_millis(100));
    samples.clear();
    sampler.sample(2, &mut samples);
    let busy = value(&samples, Source::Host, "cpu_busy_share").unwrap();
    assert!((0.0..=1.0).contains(&busy), "{busy}");
}
