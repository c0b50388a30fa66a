//! What is read from files: those that a killed process may have left in any state, and those of users.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use hpcbench_core::Epoch;
use hpcbench_journal::sim::SimDisk;
use hpcbench_journal::{Reader, Storage, verify_log};
use hpcbench_records::{BlockReader, BlockWriter};

/// A file of records. The first byte says whether the rest is the whole file, or the payload of a block whose length
/// and checksum are right.
pub fn records(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else {
        return;
    };
    with_place(|path| {
        let bytes = if kind % 2 == 0 {
            rest.to_vec()
        } else {
            framed(path, rest)
        };
        fs::write(path, bytes).expect("a file can be written");
        if let Ok(mut reader) = BlockReader::open(path) {
            // Once something is wrong, nothing more is read.
            let _ = reader.by_ref().take_while(Result::is_ok).count();
            let _ = reader.torn_tail();
        }
    });
}

/// A file of prompts.
pub fn prompts(data: &[u8]) {
    with_place(|path| {
        fs::write(path, data).expect("a file can be written");
        hpcbench_load::fuzzing::prompts(path);
    });
}

/// Does something with a path where no file is.
fn with_place(work: impl FnOnce(&Path)) {
    thread_local! {
        static HOME: RefCell<tempfile::TempDir> = RefCell::new(tempfile::tempdir().expect("a directory can be had"));
    }
    HOME.with_borrow(|home| {
        let path = home.path().join("x");
        let _ = fs::remove_file(&path);
        work(&path);
    });
}

/// An empty file of records, and a block with this payload after it.
fn framed(path: &Path, payload: &[u8]) -> Vec<u8> {
    let empty = BlockWriter::create(path).and_then(BlockWriter::finish);
    empty.expect("a file of records can be written");
    let mut file = fs::read(path).expect("a file can be read");
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let records = 1_u32.to_le_bytes();
    let mut checksum = crc32fast::Hasher::new();
    for part in [&length, &records, payload] {
        checksum.update(part);
    }
    file.extend_from_slice(&length);
    file.extend_from_slice(&records);
    file.extend_from_slice(&checksum.finalize().to_le_bytes());
    file.extend_from_slice(payload);
    file
}

/// An event log of one epoch.
pub fn log(data: &[u8]) {
    let disk = SimDisk::new(0);
    if disk.claim(Epoch(1)).is_err() {
        return;
    }
    disk.overwrite(Epoch(1), data.to_vec());
    let storage: Arc<dyn Storage> = Arc::new(disk);
    let _ = verify_log(Arc::clone(&storage));
    if let Ok(reader) = Reader::new(storage) {
        let _ = reader.take_while(Result::is_ok).count();
    }
}
