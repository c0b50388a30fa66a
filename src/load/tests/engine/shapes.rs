//! When requests are made, and which of them are measured.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::time::Duration;

use hpcbench_load::{ClientShare, Cooldown, Length, Outcome, Shape, Start, prepare};
use hpcbench_records::{Phase, Record, Status};

use crate::server::{After, Server, stream};
use crate::{lasting, run, spec};

fn closed(concurrency: u32) -> Shape {
    Shape::Closed {
        concurrency,
        think_time: Duration::ZERO,
        turns: NonZeroU16::MIN,
    }
}

/// What the threads counted in flight is what the records say, to the nanosecond; and not without one of them.
fn expect_all_counted(records: &[Record], outcome: &Outcome) {
    let in_flight = |record: &Record| {
        let (sent, end) = (record.times.sent?, record.times.end?);
        Some(outcome.window.overlap(sent, end))
    };
    let recorded: u64 = records.iter().filter_map(in_flight).sum();
    let counted = outcome
        .engine
        .threads
        .iter()
        .map(|thread| thread.in_flight_ns.unwrap());
    assert_eq!(counted.sum::<u64>(), recorded);
    assert!(recorded > 0);
}

fn phases(records: &[Record]) -> [usize; 3] {
    [Phase::Warmup, Phase::Window, Phase::Cooldown]
        .map(|phase| records.iter().filter(|record| record.phase == phase).count())
}

#[test]
fn a_number_of_requests_is_exact_on_several_threads() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 1, Duration::from_millis(5)));
    let mut spec = spec(server.address, &scratch);
    spec.shape = closed(7);
    spec.threads = NonZeroU16::new(3);
    spec.warmup = Duration::from_millis(100);
    spec.length = Length::Requests(50);
    let (records, outcome) = run(spec);
    let cohort: Vec<&Record> = records.iter().filter(|record| record.cohort).collect();
    assert_eq!(cohort.len(), 50);
    assert!(
        phases(&records)[0] > 0 && phases(&records)[2] == 0,
        "{:?}",
        phases(&records)
    );
    assert!(records.iter().all(|record| record.status == Status::Ok));
    assert!(
        cohort
            .iter()
            .all(|record| outcome.window.contains(record.times.sent.unwrap()))
    );
    assert!(outcome.window.drained && outcome.window.t1 == 100_000_000);
    assert_eq!(
        (
            outcome.files.len(),
            outcome.engine.threads.len(),
            outcome.engine.arrivals
        ),
        (3, 3, 50)
    );
    expect_all_counted(&records, &outcome);
    // Every user, of seven on three threads, was there.
    let mut fresh: Vec<(u16, u64)> = records
        .iter()
        .filter(|record| record.times.intended == 0)
        .map(|record| (record.thread, record.conn_id))
        .collect();
    fresh.sort_unstable();
    fresh.dedup();
    assert_eq!(fresh.len(), 7);
    let threads: BTreeSet<u16> = fresh.iter().map(|(thread, _)| *thread).collect();
    assert_eq!(threads.len(), 3);
    let mut ids: Vec<&str> = records.iter().map(|record| record.request_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), records.len());
}

#[test]
fn the_same_seed_asks_the_same_of_any_number_of_clients() {
    let asked = |clients: u32| {
        let server = Server::start(|_, socket| stream(socket, 1, Duration::ZERO));
        for index in 0..clients {
            let scratch = tempfile::tempdir().unwrap();
            let mut spec = spec(server.address, &scratch);
            spec.shape = Shape::Constant {
                rate: 1_000.0,
                max_in_flight: 100,
            };
            spec.length = Length::Requests(60);
            spec.client = ClientShare {
                index,
                count: clients,
            };
            spec.threads = NonZeroU16::new(2);
            run(spec);
        }
        let requests = server.requests();
        let prompts = requests
            .iter()
            .map(|request| request.body["messages"].to_string());
        (requests.len(), prompts.collect::<BTreeSet<String>>())
    };
    let (requests, prompts) = asked(1);
    assert_eq!((requests, prompts.len()), (60, 60));
    assert_eq!(asked(3), (requests, prompts));
}

#[test]
fn connections_that_last_are_used_again_on_every_thread() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 2, Duration::from_millis(5)));
    let mut spec = spec(server.address, &scratch);
    spec.shape = closed(8);
    spec.threads = NonZeroU16::new(2);
    spec.warmup = Duration::from_millis(500);
    spec.length = Length::Requests(200);
    let (records, _) = run(spec);
    assert!(records.iter().all(|record| record.status == Status::Ok));
    let cohort = records.iter().filter(|record| record.cohort);
    assert!(cohort.clone().all(|record| record.conn_reused));
    // The connection of the probe is one more than there are users, on each thread.
    let connections: BTreeSet<u64> = cohort.map(|record| record.conn_id).collect();
    assert!(connections.len() <= 10, "{connections:?}");
}

#[test]
fn a_duration_has_a_warm_up_a_window_and_a_cool_down() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 2, Duration::from_millis(20)));
    let mut spec = spec(server.address, &scratch);
    spec.shape = closed(3);
    spec.warmup = Duration::from_millis(150);
    spec.length = lasting(400, Cooldown::Load);
    spec.keep_awake = true;
    let (records, outcome) = run(spec);
    let window = outcome.window;
    assert_eq!(
        (window.t1, window.t2, window.drained),
        (150_000_000, 550_000_000, false)
    );
    for record in &records {
        let sent = record.times.sent.unwrap();
        assert_eq!(record.cohort, window.contains(sent), "{record:?}");
        // All that was measured came to its end; only the load after it was cut off.
        assert!(
            record.status == Status::Ok
                || (record.phase == Phase::Cooldown && record.status == Status::Cancelled)
        );
    }
    let [warmup, measured, cooldown] = phases(&records);
    assert!(
        warmup >= 3 && measured >= 3 && cooldown >= 1,
        "{:?}",
        phases(&records)
    );
    let engine = &outcome.engine;
    assert!(engine.loop_gaps.count() > 0 && engine.reads > 0);
    assert!(engine.threads[0].cpu_share.is_some());
    assert!(engine.kept_awake());
    assert_eq!(engine.threads[0].window, Some(window));
    assert_eq!(engine.arrivals, measured as u64);
    expect_all_counted(&records, &outcome);
}

#[test]
fn nothing_begins_when_all_that_was_measured_has_ended() {
    let scratch = tempfile::tempdir().unwrap();
    // In flight at the end of the window, and its user's only one.
    let server = Server::start(|_, socket| stream(socket, 1, Duration::from_secs(1)));
    let mut spec = spec(server.address, &scratch);
    spec.length = lasting(500, Cooldown::Load);
    let (records, _) = run(spec);
    assert_eq!(phases(&records), [0, 1, 0]);
    assert_eq!((records[0].status, server.requests().len()), (Status::Ok, 1));
}

#[test]
fn draining_sends_nothing_more() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 2, Duration::from_millis(30)));
    let mut spec = spec(server.address, &scratch);
    spec.shape = closed(3);
    spec.length = lasting(200, Cooldown::Drain);
    let (records, _) = run(spec);
    assert_eq!(phases(&records)[2], 0);
    assert!(
        records
            .iter()
            .all(|record| record.status == Status::Ok && record.cohort)
    );
}

#[test]
fn users_think() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 1, Duration::ZERO));
    let mut spec = spec(server.address, &scratch);
    spec.shape = Shape::Closed {
        concurrency: 1,
        think_time: Duration::from_millis(80),
        turns: NonZeroU16::MIN,
    };
    spec.length = Length::Requests(3);
    let (records, _) = run(spec);
    for pair in records.windows(2) {
        assert_eq!(pair[1].times.intended, pair[0].times.end.unwrap() + 80_000_000);
        assert!(pair[1].times.sent.unwrap() >= pair[1].times.intended);
    }
}

#[test]
fn an_open_shape_keeps_its_schedule() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 1, Duration::from_millis(50)));
    let mut spec = spec(server.address, &scratch);
    spec.shape = Shape::Constant {
        rate: 100.0,
        max_in_flight: 100,
    };
    spec.length = lasting(500, Cooldown::Drain);
    let (records, outcome) = run(spec);
    let intended: Vec<i64> = records.iter().map(|record| record.times.intended).collect();
    assert_eq!(intended, (0..50).map(|i| i * 10_000_000).collect::<Vec<i64>>());
    assert!(
        records
            .iter()
            .all(|record| record.status == Status::Ok && record.cohort)
    );
    assert_eq!((outcome.engine.arrivals, outcome.engine.arrivals_queued), (50, 0));
}

#[test]
fn arrivals_beyond_the_limit_wait_and_are_all_recorded() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 1, Duration::from_millis(100)));
    let mut spec = spec(server.address, &scratch);
    spec.shape = Shape::Constant {
        rate: 100.0,
        max_in_flight: 2,
    };
    spec.length = lasting(300, Cooldown::Load);
    spec.timeout = Duration::from_millis(700);
    let (records, outcome) = run(spec);
    let cohort: Vec<&Record> = records.iter().filter(|record| record.cohort).collect();
    assert_eq!((cohort.len(), outcome.engine.arrivals), (30, 30));
    assert!(
        outcome.engine.arrivals_queued >= 26 && outcome.engine.peak_queue >= 20,
        "{:?}",
        outcome.engine
    );
    let never = cohort.iter().filter(|record| record.times.dispatch.is_none());
    assert!(never.clone().count() > 0);
    assert!(
        never
            .clone()
            .all(|record| record.status == Status::Cancelled && record.times.sent.is_none())
    );
    let waited = cohort
        .iter()
        .filter_map(|record| Some(record.times.sent? - record.times.intended))
        .max();
    assert!(waited > Some(100_000_000));
}

#[test]
fn clients_share_a_schedule() {
    let server = Server::start(|_, socket| stream(socket, 1, Duration::ZERO));
    let mut all: Vec<i64> = Vec::new();
    let mut prompts = Vec::new();
    for index in 0..2 {
        let scratch = tempfile::tempdir().unwrap();
        let mut spec = spec(server.address, &scratch);
        spec.client = ClientShare { index, count: 2 };
        spec.shape = Shape::Constant {
            rate: 200.0,
            max_in_flight: 50,
        };
        spec.threads = NonZeroU16::new(2);
        spec.length = Length::Requests(11);
        let (records, _) = run(spec);
        assert_eq!(records.len(), if index == 0 { 6 } else { 5 });
        all.extend(records.iter().map(|record| record.times.intended));
        prompts.extend(records.iter().map(|record| record.prompt_id));
    }
    all.sort_unstable();
    prompts.sort_unstable();
    assert_eq!(all, (0..11).map(|i| i * 5_000_000).collect::<Vec<i64>>());
    assert_eq!(prompts, (0..11).collect::<Vec<u64>>());
}

#[test]
fn a_start_in_the_future_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| {
        stream(socket, 1, Duration::ZERO);
        After::Keep
    });
    let mut spec = spec(server.address, &scratch);
    spec.seed = 4_711;
    let prepared = prepare(spec, &[]).unwrap();
    let at = hpcbench_timing::Monotonic::now().plus(Duration::from_millis(150));
    let running = prepared.start(Start::At(at)).unwrap();
    assert_eq!(running.progress().stage, hpcbench_load::Stage::Waiting);
    let outcome = running.join().unwrap();
    let record = crate::records(&outcome).remove(0);
    assert_eq!((record.times.intended, outcome.seed), (0, 4_711));
    assert!(record.times.dispatch.unwrap() >= 0);
    let now = hpcbench_timing::Realtime::now().0;
    assert!((now - outcome.t0_realtime) < 60_000_000_000 && outcome.t0_error < 1_000_000);
}
