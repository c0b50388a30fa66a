//! A disk that is full.

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::process::Command;

use hpcbench_load::{Dialect, LoadError, Start, prepare};
use hpcbench_records::{BlockReader, WriteError};

use crate::load::spec;
use crate::null;

/// Where the child process of the test is to put its records.
const SCRATCH: &str = "HPCBENCH_TEST_SCRATCH";

/// What the child says before the number of records that its load kept.
const KEPT: &str = "records kept: ";

/// A limit on the size of files stops writing as a full disk does; the shell sets it, so that it hits no other test.
#[test]
fn a_full_disk_ends_the_load_and_keeps_what_was_written() {
    let scratch = tempfile::tempdir().unwrap();
    let test = std::env::current_exe().unwrap();
    let script = r#"trap '' XFSZ; ulimit -f 64; exec "$0" --exact disk::child --ignored --nocapture"#;
    let output = Command::new("bash")
        .args(["-c", script])
        .arg(test)
        .env(SCRATCH, scratch.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // All that the engine says it kept, whole, and nothing behind it.
    let file = scratch.path().join("records-000.blocks");
    let mut reader = BlockReader::open(file).unwrap();
    let mut whole = 0;
    for record in reader.by_ref() {
        record.unwrap();
        whole += 1;
    }
    assert_eq!(reader.torn_tail(), None);
    let said = String::from_utf8_lossy(&output.stdout);
    let kept = said.lines().find_map(|line| line.split_once(KEPT)).unwrap().1;
    assert_eq!(whole, kept.trim().parse::<u64>().unwrap(), "{said}");
}

#[test]
#[ignore = "runs as the child of another test"]
fn child() {
    let Some(scratch) = std::env::var_os(SCRATCH) else {
        return;
    };
    let spec = spec(null::start(Dialect::Chat, 1), Path::new(&scratch), 1_000_000, 1);
    let error = prepare(spec, &[])
        .unwrap()
        .start(Start::Now)
        .unwrap()
        .join()
        .unwrap_err();
    assert!(
        matches!(&error.reason, LoadError::Records(WriteError::DiskFull { .. })),
        "{error:?}"
    );
    let kept = error.kept.as_ref().unwrap();
    let records: u64 = kept.files.iter().map(|file| file.records).sum();
    assert!(records > 0 && kept.cancelled, "{kept:?}");
    println!("{KEPT}{records}");
    let mut cause = error.source();
    while let Some(source) = cause {
        if source.downcast_ref::<io::Error>().is_some() {
            return;
        }
        cause = source.source();
    }
    panic!("the system's reason is lost: {error:?}");
}
