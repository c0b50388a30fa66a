//! Whole files, torn files, damaged files and full disks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;

use super::format::{BLOCK_HEADER_BYTES, FILE_HEADER_BYTES};
use super::*;
use crate::{EventKind, Phase, Record, Status, StreamEvents, Times, TokenUsage};

fn record(seq: u64, events: usize) -> Record {
    let n = events as i64;
    Record {
        request_id: format!("r-{seq}"),
        seq,
        node: "node-1".into(),
        thread: 1,
        endpoint: 0,
        conversation: None,
        turn: 0,
        prompt_id: seq * 7,
        phase: Phase::Window,
        cohort: true,
        stream: true,
        times: Times {
            intended: -5,
            sent: Some(10),
            end: Some(1 << 40),
            ..Times::default()
        },
        conn_id: 3,
        conn_reused: true,
        retries: 0,
        status: Status::Ok,
        error_kind: None,
        error_text: None,
        http_status: Some(200),
        finish_reason: Some("stop".into()),
        tokens: TokenUsage {
            chunks: Some(events as u32),
            ..TokenUsage::default()
        },
        bytes_sent: 100,
        bytes_received: 5_000,
        server_ns: [("total_duration".to_owned(), 77)].into(),
        output_text: None,
        events: StreamEvents {
            t: (0..n).map(|i| 10 + i * 10_000_000).collect(),
            read_lag: vec![4_000; events],
            uncertainty: vec![0; events],
            kind: vec![EventKind::CHOICES.with(EventKind::CONTENT); events],
            text_bytes: vec![5; events],
            tokens: vec![None; events],
        },
    }
}

fn records(seqs: std::ops::Range<u64>) -> Vec<Record> {
    seqs.map(|seq| record(seq, (seq % 40) as usize)).collect()
}

fn write(path: &Path, batches: &[Vec<Record>]) -> Written {
    let mut writer = BlockWriter::create(path).unwrap();
    for batch in batches {
        writer.append(batch).unwrap();
    }
    writer.finish().unwrap()
}

fn read(path: &Path) -> (Vec<Record>, Option<TornTail>) {
    let mut reader = BlockReader::open(path).unwrap();
    let records = reader.by_ref().collect::<Result<_, _>>().unwrap();
    (records, reader.torn_tail())
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("client.blocks");
    (dir, path)
}

#[test]
fn what_is_written_is_read_back() {
    let (_dir, path) = scratch();
    let all = records(0..100);
    let written = write(&path, &[all[..30].to_vec(), vec![], all[30..].to_vec()]);
    assert_eq!(written.records, 100);
    assert_eq!(written.bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(read(&path), (all, None));
}

#[test]
fn a_large_batch_becomes_several_blocks() {
    let (_dir, path) = scratch();
    let all: Vec<_> = (0..12).map(|seq| record(seq, 20_000)).collect();
    assert_eq!(write(&path, std::slice::from_ref(&all)).records, 12);
    assert!(fs::metadata(&path).unwrap().len() > 2 * TARGET_BLOCK_BYTES as u64);
    assert_eq!(read(&path).0, all);
}

#[test]
fn only_the_owner_can_read_the_file_and_none_is_overwritten() {
    let (_dir, path) = scratch();
    write(&path, &[]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(
        BlockWriter::create(&path),
        Err(WriteError::Create { .. })
    ));
}

#[test]
fn every_prefix_of_a_file_gives_its_whole_blocks() {
    let (_dir, path) = scratch();
    let (first, second) = (records(0..3), records(3..6));
    let after_first = write(&path, std::slice::from_ref(&first)).bytes as usize;
    fs::remove_file(&path).unwrap();
    write(&path, &[first.clone(), second.clone()]);
    let bytes = fs::read(&path).unwrap();
    for cut in 0..=bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let (got, torn) = read(&path);
        let expected = match cut {
            _ if cut == bytes.len() => 6,
            _ if cut >= after_first => 3,
            _ => 0,
        };
        assert_eq!(got.len(), expected, "cut at {cut}");
        let whole = [FILE_HEADER_BYTES, after_first, bytes.len()].contains(&cut);
        assert_eq!(torn.is_none(), whole, "cut at {cut}");
        if let Some(torn) = torn {
            assert_eq!(torn.offset + torn.bytes, cut as u64);
        }
    }
}

#[test]
fn damage_before_the_end_is_an_error_after_the_good_records() {
    let (_dir, path) = scratch();
    let first_block_end = write(&path, &[records(0..3)]).bytes as usize;
    fs::remove_file(&path).unwrap();
    write(&path, &[records(0..3), records(3..6), records(6..9)]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[first_block_end + BLOCK_HEADER_BYTES + 5] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let results: Vec<_> = BlockReader::open(&path).unwrap().collect();
    assert_eq!(results.len(), 4);
    assert!(results[..3].iter().all(Result::is_ok));
    assert!(matches!(results[3], Err(ReadError::Damaged { offset, .. }) if offset == first_block_end as u64));
}

#[test]
fn a_wrong_last_block_is_torn() {
    let (_dir, path) = scratch();
    write(&path, &[records(0..3), records(3..6)]);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 0x80;
    fs::write(&path, &bytes).unwrap();
    let (got, torn) = read(&path);
    assert_eq!(got.len(), 3);
    assert!(torn.is_some());
}

#[test]
fn other_files_and_other_schemas_are_refused() {
    let (_dir, path) = scratch();
    fs::write(&path, "seq,ttft\n1,2\n").unwrap();
    assert!(matches!(
        BlockReader::open(&path),
        Err(ReadError::NotRecords { .. })
    ));
    fs::write(&path, b"HPCBREC\n\x63\0\0\0").unwrap();
    assert!(matches!(
        BlockReader::open(&path),
        Err(ReadError::Schema { found: 99, .. })
    ));
    assert!(matches!(
        BlockReader::open(path.with_extension("none")),
        Err(ReadError::Io { .. })
    ));
}

/// Set in the child process that runs [`a_full_disk_keeps_what_was_written`] under a file size limit.
const LIMITED: &str = "HPCBENCH_TEST_LIMITED_FILE_SIZE";

#[test]
fn a_full_disk_keeps_what_was_written() {
    if std::env::var_os(LIMITED).is_none() {
        return run_again_with_a_file_size_limit();
    }
    let (_dir, path) = scratch();
    let mut writer = BlockWriter::create(&path).unwrap();
    writer.append(&records(0..20)).unwrap();
    let too_many: Vec<_> = (20..60).map(|seq| record(seq, 2_000)).collect();
    let error = writer.append(&too_many).unwrap_err();
    let WriteError::DiskFull { bytes, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(
        fs::metadata(&path).unwrap().len(),
        bytes,
        "the torn block is undone"
    );
    writer.append(&records(20..21)).unwrap();
    assert_eq!(writer.finish().unwrap().records, 21);
    assert_eq!(read(&path), (records(0..21), None));
}

/// A file size limit stops writing as a full disk does; the shell sets it, so that it hits no other test.
fn run_again_with_a_file_size_limit() {
    let me = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"])
        .arg(me)
        .args(["--exact", "blocks::tests::a_full_disk_keeps_what_was_written"])
        .env(LIMITED, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), headed: bool) {
        let (_dir, path) = scratch();
        let mut file = if headed { b"HPCBREC\n\x01\0\0\0".to_vec() } else { vec![] };
        file.extend(bytes);
        fs::write(&path, file).unwrap();
        if let Ok(reader) = BlockReader::open(&path) {
            prop_assert!(reader.count() < 300);
        }
    }
}
