//! From blocks to a table.

use std::path::{Path, PathBuf};

use hpcbench_tables::{SampleRow, SamplesMeta, SamplesWriter, TableError, Written};

use crate::blocks::{BlockFile, BlockReadError};

/// What a table says about itself beside its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOf {
    /// The node's token.
    pub node: String,
    /// Samples that there was no room for.
    pub dropped: u64,
    /// Why there are no samples of GPUs, if there are none.
    pub gpu_absent: Option<String>,
}

/// The table cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// There are no blocks.
    #[error("there are no samples")]
    NoBlocks,
    /// A file of blocks cannot be read.
    #[error("failed to read the samples back")]
    Blocks(#[from] BlockReadError),
    /// The table cannot be written.
    #[error("failed to write the table of samples")]
    Table(#[from] TableError),
}

/// Makes a table of the blocks in these files, which the same node has written one after the other. Its times begin with the
/// first file's anchor.
pub fn write_table(blocks: &[PathBuf], table: &Path, of: TableOf) -> Result<Written, TelemetryError> {
    let mut files = Vec::with_capacity(blocks.len());
    for path in blocks {
        files.push(BlockFile::open(path)?);
    }
    files.sort_by_key(|file| file.anchor().monotonic_ns);
    let t0 = files.first().ok_or(TelemetryError::NoBlocks)?.anchor();
    let meta = SamplesMeta {
        node: of.node,
        t0_realtime_ns: t0.realtime_ns,
        t0_error_ns: t0.error_ns,
        dropped: of.dropped,
        gpu_absent: of.gpu_absent,
    };
    let mut writer = SamplesWriter::create(table, &meta)?;
    for file in files {
        for block in file {
            for sample in block? {
                writer.write(SampleRow {
                    t_ns: sample.at_ns.saturating_sub(t0.monotonic_ns),
                    source: sample.source.as_str(),
                    instance: &sample.instance,
                    metric: &sample.metric,
                    labels: (!sample.labels.is_empty()).then_some(sample.labels.as_str()),
                    value: sample.value,
                })?;
            }
        }
    }
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::BlockWriter;
    use crate::clock::Anchor;
    use crate::{Sample, Source};

    #[test]
    fn the_files_of_two_lives_become_one_table() {
        let dir = tempfile::tempdir().unwrap();
        let life = |name: &str, began: i64| {
            let anchor = Anchor {
                monotonic_ns: began,
                realtime_ns: began + 1_000_000,
                error_ns: 1,
            };
            let path = dir.path().join(name);
            let mut writer = BlockWriter::create(&path, anchor).unwrap();
            let sample = Sample::new(began + 5, Source::Host, "", "load_1m", 0.5).unwrap();
            writer.append(&[sample]).unwrap();
            path
        };
        let blocks = [life("b", 9_000), life("a", 1_000)];
        let of = TableOf {
            node: "n".to_owned(),
            dropped: 0,
            gpu_absent: None,
        };
        let table = dir.path().join("n.parquet");
        assert_eq!(write_table(&blocks, &table, of.clone()).unwrap().rows, 2);
        assert!(matches!(
            write_table(&[], &table, of),
            Err(TelemetryError::NoBlocks)
        ));
    }
}
