//! Side files: their digests stand in the log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use hpcbench_core::Seq;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Findings, Problem, with_causes};
use crate::scan::Line;
use crate::storage::epoch_file;
use crate::{LineFault, LineHash};

/// Most side files that are checked in one run: each takes about 200 bytes of memory.
const MAX_ARTIFACTS: usize = if cfg!(test) { 3 } else { 1_000_000 };
const BLOCK_BYTES: usize = 256 << 10;

/// The side files that have to be there, by path.
#[derive(Default)]
pub(super) struct Artifacts {
    expected: BTreeMap<Box<str>, Expected>,
    /// Side files that are not in it, since there is no room.
    unchecked: u64,
}

struct Expected {
    bytes: u64,
    sha256: LineHash,
    seq: Seq,
}

/// `data` of the events about artifacts, read leniently: a replacement may say what the file is now.
#[derive(Deserialize)]
struct Data {
    path: Box<str>,
    bytes: Option<u64>,
    sha256: Option<LineHash>,
}

impl Artifacts {
    /// Takes an `artifact.*` event into account.
    pub(super) fn take(&mut self, line: &Line<'_>, findings: &mut Findings) {
        let seq = line.decoded.seq;
        let kind = &*line.decoded.kind;
        let mut unreadable = |message| {
            let (file, line) = (epoch_file(line.position.epoch), Some(line.position.line));
            findings.problem(Problem {
                file,
                line,
                seq: Some(seq),
                message,
            });
        };
        let data: Data = match serde_json::from_str(line.decoded.data.get()) {
            Ok(data) => data,
            Err(error) => return unreadable(with_causes(&LineFault::NotAnEvent(error))),
        };
        match (kind, data.bytes, data.sha256) {
            ("artifact.recorded" | "artifact.replaced", Some(bytes), Some(sha256)) => {
                if self.expected.len() < MAX_ARTIFACTS || self.expected.contains_key(&data.path) {
                    self.expected.insert(data.path, Expected { bytes, sha256, seq });
                } else {
                    self.unchecked += 1;
                }
            }
            ("artifact.recorded", _, _) => unreadable("`bytes` or `sha256` is missing".to_owned()),
            ("artifact.replaced" | "artifact.removed", _, _) => {
                self.expected.remove(&data.path);
            }
            _ => {}
        }
    }

    /// Reads the files and compares.
    pub(super) fn check(&self, run_dir: &Path, findings: &mut Findings) {
        if self.unchecked > 0 {
            findings.notes.push(format!(
                "{} side files are not checked: no more than {MAX_ARTIFACTS} are",
                self.unchecked
            ));
        }
        for (path, expected) in &self.expected {
            if let Err(message) = expected.check(run_dir, path) {
                let (file, seq) = (path.to_string(), Some(expected.seq));
                findings.problem(Problem {
                    file,
                    line: None,
                    seq,
                    message,
                });
            }
        }
    }
}

impl Expected {
    fn check(&self, run_dir: &Path, path: &str) -> Result<(), String> {
        if !Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err("the path leads out of the run directory".to_owned());
        }
        let full = run_dir.join(path);
        let metadata = full
            .metadata()
            .map_err(|error| format!("the side file cannot be read: {error}"))?;
        if !metadata.is_file() {
            return Err("the side file is not a regular file".to_owned());
        }
        let (read, sha256) =
            digest(&full, self.bytes).map_err(|error| format!("the side file cannot be read: {error}"))?;
        if read < self.bytes {
            return Err(format!(
                "the side file has {read} bytes; {} were recorded",
                self.bytes
            ));
        }
        if sha256 != self.sha256 {
            return Err(format!(
                "the first {read} bytes have the SHA-256 {sha256}; {} was recorded",
                self.sha256
            ));
        }
        Ok(())
    }
}

/// How many of the first `bytes` bytes there are, and their SHA-256.
fn digest(path: &Path, bytes: u64) -> io::Result<(u64, LineHash)> {
    let mut file = File::open(path)?.take(bytes);
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    let mut total = 0;
    loop {
        let read = match file.read(&mut block) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&block[..read]);
        total += read as u64;
    }
    Ok((total, LineHash::from_bytes(hasher.finalize().into())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hpcbench_core::event::Draft;
    use hpcbench_core::{Epoch, Timestamp};
    use serde_json::{Map, json};

    use super::*;
    use crate::{DirStorage, Journal, Opening, verify};

    fn recorded(path: &str) -> Draft {
        let data = json!({"path": path, "bytes": 1, "sha256": LineHash::of(b"x")});
        Draft {
            at: Timestamp::from_micros(1),
            kind: "artifact.recorded".to_owned(),
            version: 1,
            actor: "orchestrator".to_owned(),
            node: "node".parse().unwrap(),
            correlation: "run".to_owned(),
            causation: None,
            data: serde_json::value::to_raw_value(&data).unwrap(),
        }
    }

    #[test]
    fn more_side_files_than_are_checked_are_a_note_and_no_problem() {
        let dir = tempfile::tempdir().unwrap();
        let opening = Opening {
            node: "node".parse().unwrap(),
            actor: "orchestrator".to_owned(),
            correlation: "run".to_owned(),
            data: Map::new(),
            dead_through: Epoch(0),
            clock: &|| Timestamp::from_micros(1),
            wait: &mut |_| {},
            history: &mut drop,
        };
        let storage = Arc::new(DirStorage::new(dir.path()));
        let mut journal = Journal::open(storage, opening, Box::new(drop)).unwrap().journal;
        let paths = ["a", "b", "c", "d", "e", "a"];
        journal.append(paths.map(recorded).into()).unwrap();
        journal.close().unwrap();
        for path in ["a", "b", "c"] {
            std::fs::write(dir.path().join(path), "x").unwrap();
        }
        let report = verify(dir.path()).unwrap();
        assert!(report.ok, "{report:#?}");
        assert_eq!(report.notes, ["2 side files are not checked: no more than 3 are"]);
        std::fs::write(dir.path().join("c"), "y").unwrap();
        assert!(!verify(dir.path()).unwrap().ok);
    }
}
