//! Every byte flipped, every truncation: what a log tells of itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::common::{ALL_DEAD, draft, open_with, write_log};
use hpcbench_core::{Epoch, Seq};
use hpcbench_journal::sim::SimDisk;
use hpcbench_journal::{Reader, Storage, VerifyReport, epoch_file, verify_log};

/// The files of a log, by epoch.
type Log = BTreeMap<Epoch, Vec<u8>>;

/// A log of two epochs: seq 1 to 3, then 4 to 7.
fn sample(finished: bool) -> Log {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), if finished { &[2, 2] } else { &[2, 3] }, finished);
    (1..=2)
        .map(|epoch| (Epoch(epoch), read(dir.path(), Epoch(epoch))))
        .collect()
}

fn read(run_dir: &Path, epoch: Epoch) -> Vec<u8> {
    fs::read(run_dir.join(epoch_file(epoch))).unwrap()
}

fn storage(log: &Log) -> Arc<dyn Storage> {
    let disk = SimDisk::new(0);
    for (epoch, bytes) in log {
        disk.overwrite(*epoch, bytes.clone());
    }
    Arc::new(disk)
}

fn verified(log: &Log) -> VerifyReport {
    verify_log(storage(log)).unwrap()
}

/// The line (from 1) that holds the byte `at`.
fn line_of(bytes: &[u8], at: usize) -> u64 {
    lines_in(&bytes[..at]) + 1
}

/// Whole lines.
fn lines_in(bytes: &[u8]) -> u64 {
    bytes.split(|byte| *byte == b'\n').count() as u64 - 1
}

#[test]
fn every_flipped_byte_of_a_finished_log_is_found_with_file_line_and_seq() {
    let log = sample(true);
    assert!(verified(&log).ok);
    for (&epoch, bytes) in &log {
        for at in 0..bytes.len() {
            for mask in [0x01, 0x20, 0x80] {
                let mut damaged = log.clone();
                damaged.get_mut(&epoch).unwrap()[at] ^= mask;
                let line = line_of(bytes, at);
                let seq = Seq(if epoch.0 == 1 { line } else { 3 + line });
                let report = verified(&damaged);
                let what = format!("epoch {epoch} byte {at} line {line} mask {mask}: {report:#?}");
                let found = |problem: &hpcbench_journal::Problem| {
                    problem.file == epoch_file(epoch)
                        && problem.line == Some(line)
                        && problem.seq == Some(seq)
                };
                assert!(report.problems.iter().any(found), "{what}");
                assert!(report.problems.len() <= 2, "{what}");
            }
        }
    }
}

/// No crash flips a byte: not even where nothing else proves that the line was acknowledged, as at the end of a run that was
/// killed.
#[test]
fn every_flipped_byte_of_an_unfinished_log_is_found_with_file_line_and_seq() {
    let log = sample(false);
    for (&epoch, bytes) in &log {
        for at in 0..bytes.len() {
            for mask in [0x04, 0x80] {
                let mut damaged = log.clone();
                let byte = &mut damaged.get_mut(&epoch).unwrap()[at];
                *byte ^= mask;
                if *byte == 0 {
                    // That is what a lost block reads as.
                    continue;
                }
                let line = line_of(bytes, at);
                let seq = Seq(if epoch.0 == 1 { line } else { 3 + line });
                let report = verified(&damaged);
                let found = |problem: &hpcbench_journal::Problem| {
                    (&*problem.file, problem.line, problem.seq)
                        == (&*epoch_file(epoch), Some(line), Some(seq))
                };
                assert!(
                    report.problems.iter().any(found),
                    "epoch {epoch} byte {at} line {line} mask {mask}: {report:#?}"
                );
            }
        }
    }
}

/// The terminated lines, without their newlines.
fn whole_lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let whole = lines.filter_map(|line| line.strip_suffix(b"\n"));
    whole.map(<[u8]>::to_vec).collect()
}

/// The next writer goes on with the whole lines, and with nothing else.
#[test]
fn a_log_that_was_cut_anywhere_is_gone_on_with_at_its_last_whole_line() {
    let log = sample(true);
    let bytes = &log[&Epoch(2)];
    for length in 0..=bytes.len() {
        let mut cut = log.clone();
        cut.get_mut(&Epoch(2)).unwrap().truncate(length);
        let storage = storage(&cut);
        let (mut opened, history) = open_with(Arc::clone(&storage), ALL_DEAD, Box::new(drop)).unwrap();
        let next = draft("thing.happened", &serde_json::json!({}));
        let next = opened.journal.append(vec![next]).unwrap();
        opened.journal.close().unwrap();
        let mut wanted = whole_lines(&log[&Epoch(1)]);
        wanted.extend(whole_lines(&bytes[..length]));
        let told: Vec<Vec<u8>> = history.iter().map(|entry| entry.line.to_vec()).collect();
        assert_eq!(told, wanted, "at {length}");
        wanted.extend([opened.started.line.to_vec(), next[0].line.to_vec()]);
        let report = verify_log(Arc::clone(&storage)).unwrap();
        assert!(report.ok, "at {length}: {report:#?}");
        let read = Reader::new(storage).unwrap();
        let read: Vec<Vec<u8>> = read.map(|entry| entry.unwrap().line.to_vec()).collect();
        assert_eq!(read, wanted, "at {length}");
    }
}

#[test]
fn every_truncation_recovers_or_is_reported() {
    let log = sample(true);
    for (&epoch, bytes) in &log {
        for length in 0..bytes.len() {
            let mut cut = log.clone();
            cut.get_mut(&epoch).unwrap().truncate(length);
            let report = verified(&cut);
            let read: Result<Vec<_>, _> = Reader::new(storage(&cut)).unwrap().collect();
            assert_eq!(report.ok, read.is_ok(), "epoch {epoch} at {length}: {report:#?}");
            if epoch.0 == 1 {
                assert!(!report.ok, "an earlier epoch cut at {length}: {report:#?}");
                continue;
            }
            let whole = lines_in(&bytes[..length]);
            assert!(report.ok, "the last epoch cut at {length}: {report:#?}");
            assert_eq!(report.events, 3 + whole);
            assert_eq!(read.unwrap().len() as u64, report.events);
        }
    }
}

#[test]
fn zeros_in_the_last_batch_are_lost_but_zeros_before_it_are_damage() {
    let log = sample(false);
    let bytes = &log[&Epoch(2)];
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let start = |line: usize| lines[..line].iter().map(|line| line.len()).sum::<usize>();
    // How the writer's batches fell differs from run to run: what a later line knows to be synced is damaged, the
    // rest is lost.
    for line in 0..lines.len() {
        let mut zeroed = log.clone();
        let middle = start(line) + lines[line].len() / 2;
        zeroed.get_mut(&Epoch(2)).unwrap()[middle - 30..middle + 30].fill(0);
        let seq = 4 + line as u64;
        let known = lines[line + 1..].iter().any(|later| durable(later) >= seq);
        let report = verified(&zeroed);
        assert_eq!(report.ok, !known, "line {line}: {report:#?}");
        let problem = report.problems.first().map(|problem| (problem.line, problem.seq));
        assert_eq!(problem, known.then_some((Some(line as u64 + 1), Some(Seq(seq)))));
        if !known {
            assert_eq!(report.head.seq, Seq(seq - 1));
        }
    }
}

fn durable(line: &[u8]) -> u64 {
    serde_json::from_slice::<serde_json::Value>(line).unwrap()["durable"]
        .as_u64()
        .unwrap()
}

#[test]
fn lines_removed_repeated_or_swapped_are_damage() {
    let log = sample(true);
    let bytes = &log[&Epoch(2)];
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let edits: [(&str, Vec<usize>, u64); 3] = [
        ("removed", vec![0, 2, 3], 2),
        ("repeated", vec![0, 1, 1, 2, 3], 3),
        ("swapped", vec![0, 2, 1, 3], 2),
    ];
    for (edit, order, line) in edits {
        let mut edited = log.clone();
        edited.insert(
            Epoch(2),
            order
                .into_iter()
                .flat_map(|at| lines[at].iter().copied())
                .collect(),
        );
        let report = verified(&edited);
        assert!(!report.ok, "{edit}");
        assert_eq!(report.problems[0].line, Some(line), "{edit}: {report:#?}");
    }
}

#[test]
fn an_epoch_that_is_missing_is_damage() {
    let mut log = sample(true);
    log.remove(&Epoch(1));
    let report = verified(&log);
    assert!(!report.ok);
    assert_eq!(report.problems[0].file, "events/000002.jsonl");
}
