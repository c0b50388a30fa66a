//! `replay`: what is printed, played and published of a log.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::World;
use crate::history::{RUN, planned, resumed};
use crate::nats::NatsDouble;

#[test]
fn options_that_do_not_go_together_are_bad_usage() {
    let world = World::with_recipe();
    resumed(&world);
    for (options, words) in [
        (&["--speed", "0"][..], "above 0"),
        (&["--speed=-1"], "above 0"),
        (&["--speed", "nan"], "finite"),
        (&["--speed", "inf"], "finite"),
        (&["--speed", "fast"], "not a number"),
        (&["--speed", "1", "--format", "state"], "--format state"),
        (&["--speed", "1", "--format", "trace"], "--format trace"),
        (&["--speed", "1", "--format", "timeline"], "--format timeline"),
        (
            &["--publish", "nats://127.0.0.1", "--format", "events"],
            "--format",
        ),
        (&["--until", "3", "--at", "2026-01-02T03:04:05Z"], "--at"),
    ] {
        let arguments = [&["replay", RUN], options].concat();
        world.run(&arguments).expect_refused(2, &[words]);
    }
}

#[test]
fn the_timeline_tells_who_started_resumed_and_cancelled_the_run() {
    let world = World::with_recipe();
    resumed(&world);
    let finished = world.run(&["replay", RUN]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for line in [
        "started    2026-01-02 03:04:05Z by ada on mel2041",
        "command    hpcbench run good.yaml",
        "program    hpcbench 0.1.0 (abc), nats-server 2.15.1",
        "resumed    2026-01-02 04:04:05Z epoch 2, by bob on mel2042: hpcbench resume tiny; with hpcbench 0.1.0 (abc)",
        "cancelled  2026-01-02 04:04:05Z by signal: SIGINT",
    ] {
        assert!(
            finished.stdout.lines().any(|shown| shown == line),
            "no {line:?} in {}",
            finished.stdout
        );
    }
}

#[test]
fn a_trace_is_one_document() {
    let world = World::with_recipe();
    resumed(&world);
    let trace = world.run(&["replay", RUN, "--format", "trace"]).json();
    let events = trace["traceEvents"].as_array().unwrap();
    let names: Vec<&str> = events.iter().filter_map(|event| event["name"].as_str()).collect();
    for name in [
        "process_name",
        "epoch 1",
        "epoch 2",
        "initialize",
        "cancel.requested",
        "Moon.Risen",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    let early = world.run(&["replay", RUN, "--format", "trace", "--until", "4"]);
    assert!(!early.stdout.contains("epoch 2"), "{early:?}");
}

#[test]
fn a_playback_prints_what_watch_prints_and_takes_the_time_it_has_to() {
    let world = World::with_recipe();
    resumed(&world);
    let begin = Instant::now();
    let finished = world.run(&["replay", RUN, "--speed", "10000"]);
    // An hour at this speed.
    assert!(begin.elapsed() >= Duration::from_millis(360));
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    let watched = world.run(&["watch", RUN]);
    assert_eq!(finished.stdout, watched.stdout);
    assert!(
        finished.stdout.contains("resumed by bob on mel2042"),
        "{finished:?}"
    );
}

#[test]
fn a_wait_between_epochs_is_cut_short_and_told() {
    let world = World::with_recipe();
    resumed(&world);
    let begin = Instant::now();
    let arguments = ["replay", RUN, "--speed", "1", "--format", "events"];
    let finished = world.run(&arguments);
    assert!(begin.elapsed() >= Duration::from_secs(5));
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    assert!(
        finished.stderr.contains("nothing happened for 1 h 00 min"),
        "{finished:?}"
    );
    let at_once = world.run(&["replay", RUN, "--format", "events"]);
    assert_eq!(finished.stdout, at_once.stdout);
    assert_eq!(finished.stdout.lines().count(), 9);
}

#[test]
fn an_interrupt_ends_a_playback_at_once() {
    let world = World::with_recipe();
    resumed(&world);
    // A shell's background jobs ignore the interrupt, these tests maybe among them.
    let replay = world.command(&["replay", RUN, "--speed", "1e-6"]);
    let mut child = Command::new("env")
        .arg("--default-signal=INT")
        .arg(replay.get_program())
        .args(replay.get_args())
        .current_dir(world.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // What is played is seen before the wait for the next event.
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "   0.0 s  run tiny-0000 (tiny), 1 trial\n");
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGINT as i32));
}

#[test]
fn events_are_published_under_their_subjects() {
    let world = World::with_recipe();
    resumed(&world);
    let server = NatsDouble::start();
    let url = format!("nats://ann:s%2Fcret@{}", server.address);
    let finished = world.run(&["replay", RUN, "--publish", &url, "--until", "8"]);
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (Some(0), ""),
        "{finished:?}"
    );
    assert!(
        finished.stderr.contains("taken 7 events of tiny-0000"),
        "{finished:?}"
    );
    assert!(finished.stderr.contains("1 event has a type"), "{finished:?}");
    assert!(!finished.stderr.contains("cret"), "{finished:?}");
    let (connect, published) = server.finish();
    assert!(connect.contains(r#""pass":"s/cret""#), "{connect}");
    let subjects: Vec<&str> = published.iter().map(|(subject, _)| subject.as_str()).collect();
    let types = ["epoch.started", "run.created", "phase.entered", "bus.requested"];
    let expected = types.map(|kind| format!("hpcbench.tiny-0000.event.{kind}"));
    assert_eq!(subjects[..4], expected);
    assert_eq!(subjects.len(), 7);
    let lines = world.run(&["replay", RUN, "--format", "events"]).stdout;
    let lines: Vec<&[u8]> = lines.lines().map(str::as_bytes).collect();
    assert!(
        published
            .iter()
            .zip(lines)
            .all(|((_, payload), line)| payload == line)
    );
}

#[test]
fn a_server_that_is_not_there_is_told_without_the_password() {
    let world = World::with_recipe();
    resumed(&world);
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("nats://ann:s%2Fcret@127.0.0.1:{port}");
    let finished = world.run(&["replay", RUN, "--publish", &url]);
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (Some(3), ""),
        "{finished:?}"
    );
    for words in ["failed to publish", &port.to_string(), "as ann", "refused"] {
        assert!(finished.stderr.contains(words), "{finished:?}");
    }
    assert!(!finished.stderr.contains("cret"), "{finished:?}");
    for url in ["http://ann:s3cret@host", "nats://ann:s3cret@ho st", "ann:s3cret"] {
        let finished = world.run(&["replay", RUN, "--publish", url]);
        finished.expect_refused(2, &["not the URL of a NATS server"]);
        assert!(!finished.stderr.contains("s3cret"), "{finished:?}");
    }
}

#[test]
fn a_run_without_events_has_no_subjects() {
    let world = World::with_recipe();
    planned(&world);
    world
        .run(&["replay", RUN, "--publish", "nats://127.0.0.1"])
        .expect_refused(2, &["run.created"]);
}
