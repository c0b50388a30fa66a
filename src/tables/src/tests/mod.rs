//! Records through Parquet and back, and read by others.

pub(crate) mod python;
mod sample;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::{RecordsMeta, RecordsReader, RecordsWriter, TableError, Written};
use sample::{meta, record, records};

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("client.parquet");
    (dir, path)
}

fn write(path: &PathBuf, meta: &RecordsMeta, records: &[hpcbench_records::Record]) -> Written {
    let mut writer = RecordsWriter::create(path, meta).unwrap();
    for record in records {
        writer.write(record).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn every_field_survives() {
    let (_dir, path) = scratch();
    let all = records(0..3_000);
    let written = write(&path, &meta(), &all);
    let bytes = fs::read(&path).unwrap();
    assert_eq!((written.rows, written.bytes), (3_000, bytes.len() as u64));
    let hex: Vec<String> = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(written.sha256, hex.concat());
    let reader = RecordsReader::open(&path).unwrap();
    assert_eq!((reader.meta(), reader.rows()), (&meta(), 3_000));
    let back: Vec<_> = reader.collect::<Result<_, _>>().unwrap();
    assert_eq!(back, all);
}

#[test]
fn a_table_without_rows_is_a_table() {
    let (_dir, path) = scratch();
    let meta = RecordsMeta {
        tokenizer_hash: None,
        ..meta()
    };
    assert_eq!(write(&path, &meta, &[]).rows, 0);
    let mut reader = RecordsReader::open(&path).unwrap();
    assert_eq!(reader.meta().tokenizer_hash, None);
    assert!(reader.next().is_none());
}

#[test]
fn a_file_appears_only_when_it_is_complete() {
    let (dir, path) = scratch();
    let mut writer = RecordsWriter::create(&path, &meta()).unwrap();
    writer.write(&record(1)).unwrap();
    assert!(!path.exists());
    drop(writer);
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );
    write(&path, &meta(), &records(0..1));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn leftovers_of_a_killed_writer_do_no_harm() {
    let (dir, path) = scratch();
    fs::write(dir.path().join(".client.parquet.partial"), vec![0; 100_000]).unwrap();
    assert_eq!(write(&path, &meta(), &records(0..1)).rows, 1);
    assert_eq!(RecordsReader::open(&path).unwrap().count(), 1);
}

#[test]
fn what_is_no_table_of_records_is_refused() {
    let (dir, path) = scratch();
    assert!(matches!(
        RecordsReader::open(&path),
        Err(TableError::Io { what: "open", .. })
    ));
    fs::write(&path, "no parquet").unwrap();
    assert!(matches!(
        RecordsReader::open(&path),
        Err(TableError::Parquet { .. })
    ));
    let nowhere = dir.path().join("none/client.parquet");
    assert!(matches!(
        RecordsWriter::create(nowhere, &meta()),
        Err(TableError::Io { what: "create", .. })
    ));
}

#[test]
fn a_cut_file_is_an_error() {
    let (_dir, path) = scratch();
    write(&path, &meta(), &records(0..100));
    let bytes = fs::read(&path).unwrap();
    for cut in [0, 4, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..cut]).unwrap();
        assert!(RecordsReader::open(&path).is_err(), "cut at {cut}");
    }
}
