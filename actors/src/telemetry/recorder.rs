//! Where samples wait to become a table.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hpcbench_telemetry::blocks::{BlockWriteError, BlockWriter};
use hpcbench_telemetry::clock::Anchor;
use hpcbench_telemetry::{Sample, TableOf, TelemetryError, write_table};

use crate::shell::{describe, private_dir};

/// Samples of a block.
const BLOCK_SAMPLES: usize = 4_096;
/// Largest file of blocks: some days of an ordinary node. What does not fit is counted.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Ending of the names of block files.
const ENDING: &str = ".samples";

/// Keeps samples in a file on the node's disk.
pub(super) struct Recorder {
    node: String,
    directory: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    writer: BlockWriter,
    buffer: Vec<Sample>,
    dropped: u64,
    complained: bool,
}

impl Recorder {
    /// A recorder for a node, with a file of its own in `directory`.
    pub(super) fn create(directory: PathBuf, node: &str) -> Result<Self, BlockWriteError> {
        let anchor = Anchor::now();
        let name = format!("{node}.{}.{}{ENDING}", std::process::id(), anchor.monotonic_ns);
        let writer = BlockWriter::create(directory.join(name), anchor)?;
        Ok(Self {
            node: node.to_owned(),
            directory,
            inner: Mutex::new(Inner {
                writer,
                buffer: Vec::with_capacity(BLOCK_SAMPLES),
                dropped: 0,
                complained: false,
            }),
        })
    }

    /// Keeps samples.
    pub(super) fn record(&self, samples: impl IntoIterator<Item = Sample>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for sample in samples {
            inner.buffer.push(sample);
            if inner.buffer.len() >= BLOCK_SAMPLES {
                inner.flush();
            }
        }
    }

    /// Writes down what has been kept so far.
    pub(super) fn flush(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).flush();
    }

    /// Makes a table of all that this node's agents have recorded; with `gpu_absent` saying why GPUs are missing.
    pub(super) fn write_table(&self, table: &Path, gpu_absent: Option<String>) -> Result<(), TelemetryError> {
        self.flush();
        let dropped = self.inner.lock().unwrap_or_else(PoisonError::into_inner).dropped;
        let of = TableOf {
            node: self.node.clone(),
            dropped,
            gpu_absent,
        };
        write_table(&self.files(), table, of).map(|_| ())
    }

    /// The files of this agent and of those that were killed before it.
    fn files(&self) -> Vec<PathBuf> {
        let of_node = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            let token = name.and_then(|name| name.strip_suffix(ENDING)?.split('.').next());
            token == Some(self.node.as_str())
        };
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(of_node).collect()
    }
}

impl Inner {
    fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let appended = if self.writer.bytes() < MAX_FILE_BYTES {
            self.writer.append(&self.buffer).map_err(|error| describe(&error))
        } else {
            Err(format!(
                "{} is full: no more samples are kept",
                self.writer.path().display()
            ))
        };
        if let Err(problem) = appended {
            self.dropped += self.buffer.len() as u64;
            if !std::mem::replace(&mut self.complained, true) {
                tracing::error!("{problem}");
            }
        }
        self.buffer.clear();
    }
}

/// Where a node's table goes, below the run directory: one that an earlier epoch has left stays.
pub(super) fn table_path(run_dir: &Path, node: &str, epoch: hpcbench_core::Epoch) -> std::io::Result<String> {
    private_dir(&run_dir.join("telemetry"))?;
    let plain = format!("telemetry/{node}.parquet");
    if run_dir.join(&plain).try_exists()? {
        return Ok(format!("telemetry/{node}.{epoch}.parquet"));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use hpcbench_core::Epoch;
    use hpcbench_telemetry::Source;

    use super::*;

    fn sample(i: usize) -> Sample {
        Sample::new(i as i64, Source::Host, "", "load_1m", 0.5).unwrap()
    }

    #[test]
    fn a_killed_agents_samples_are_in_its_successors_table() {
        let dir = tempfile::tempdir().unwrap();
        let recorder = |node| Recorder::create(dir.path().to_path_buf(), node).unwrap();
        let (killed, other, recorder) = (recorder("a"), recorder("a-2"), recorder("a"));
        killed.record((0..BLOCK_SAMPLES + 5).map(sample));
        other.record([sample(1)]);
        other.flush();
        recorder.record([sample(2)]);
        assert_eq!(recorder.files().len(), 2);
        let table = dir.path().join("a.parquet");
        recorder.write_table(&table, None).unwrap();
        assert!(table.metadata().unwrap().len() > 100);
    }

    #[test]
    fn an_earlier_epochs_table_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = |epoch| table_path(dir.path(), "server", Epoch(epoch)).unwrap();
        assert_eq!(path(1), "telemetry/server.parquet");
        std::fs::write(dir.path().join(path(1)), "x").unwrap();
        assert_eq!(path(3), "telemetry/server.3.parquet");
    }
}
