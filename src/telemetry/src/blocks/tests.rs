//! Through a file and back, whole and cut off.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::*;
use crate::clock::Anchor;
use crate::{Sample, Source};

const ANCHOR: Anchor = Anchor {
    monotonic_ns: 5_000,
    realtime_ns: 1_700_000_000_000_000_000,
    error_ns: 70,
};

fn sample(at_ns: i64) -> Sample {
    let mut sample = Sample::new(at_ns, Source::Service, "server-0", "vllm:x", at_ns as f64).unwrap();
    sample.labels = "engine=\"0\"".to_owned();
    sample
}

fn written(blocks: &[Vec<Sample>]) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("samples");
    let mut writer = BlockWriter::create(&path, ANCHOR).unwrap();
    for block in blocks {
        writer.append(block).unwrap();
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), writer.bytes());
    (dir, path)
}

fn read(path: &std::path::Path) -> Vec<Vec<Sample>> {
    let file = BlockFile::open(path).unwrap();
    assert_eq!(file.anchor(), ANCHOR);
    file.map(Result::unwrap).collect()
}

fn three_blocks() -> Vec<Vec<Sample>> {
    vec![
        (0..3).map(sample).collect(),
        vec![sample(7)],
        (10..20).map(sample).collect(),
    ]
}

#[test]
fn what_was_appended_is_read_back() {
    let blocks = three_blocks();
    let (_dir, path) = written(&blocks);
    assert_eq!(read(&path), blocks);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(
        BlockWriter::create(&path, ANCHOR),
        Err(BlockWriteError::Io { .. })
    ));
}

#[test]
fn another_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for content in [&b""[..], b"hpbtele", b"hpbtele\x02aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        let path = dir.path().join("other");
        fs::write(&path, content).unwrap();
        assert!(matches!(
            BlockFile::open(&path),
            Err(BlockReadError::Foreign { .. })
        ));
    }
}

#[test]
fn a_block_that_is_too_large_is_refused_and_does_no_harm() {
    let (_dir, path) = written(&[]);
    fs::remove_file(&path).unwrap();
    let mut writer = BlockWriter::create(&path, ANCHOR).unwrap();
    let large = vec![sample(1); MAX_BLOCK_BYTES / 20];
    assert!(matches!(
        writer.append(&large),
        Err(BlockWriteError::Encode { .. })
    ));
    writer.append(&[sample(2)]).unwrap();
    assert_eq!(read(&path), [[sample(2)]]);
}

proptest! {
    #[test]
    fn every_beginning_of_a_file_gives_its_whole_blocks(cut in 0_usize..2_000) {
        let blocks = three_blocks();
        let (_dir, path) = written(&blocks);
        let whole = fs::read(&path).unwrap();
        let cut = HEADER_BYTES + cut % (whole.len() - HEADER_BYTES + 1);
        fs::write(&path, &whole[..cut]).unwrap();
        let seen = read(&path);
        prop_assert_eq!(&seen[..], &blocks[..seen.len()]);
        prop_assert_eq!(seen.len() == blocks.len(), cut == whole.len());
    }

    #[test]
    fn a_changed_byte_ends_the_file_there(at in 0_usize..2_000, bit in 0_u8..8) {
        let blocks = three_blocks();
        let (_dir, path) = written(&blocks);
        let mut bytes = fs::read(&path).unwrap();
        let at = HEADER_BYTES + at % (bytes.len() - HEADER_BYTES);
        bytes[at] ^= 1 << bit;
        fs::write(&path, &bytes).unwrap();
        let seen = read(&path);
        prop_assert!(seen.len() < blocks.len());
        prop_assert_eq!(&seen[..], &blocks[..seen.len()]);
    }
}
