//! The thread that writes records to disk.

use std::sync::mpsc::Receiver;

use hpcbench_records::{BlockWriter, WriteError};

use crate::engine::Batch;
use crate::outcome::BlockFile;
use crate::shared::Shared;

/// Writes batches until all engine threads have ended, each thread's to its own file. After an error the load is
/// stopped, and what was written until then is kept.
pub(crate) fn run(
    mut writers: Vec<BlockWriter>,
    batches: &Receiver<Batch>,
    shared: &Shared,
) -> Result<Vec<BlockFile>, WriteError> {
    let mut failure = None;
    for (thread, records) in batches {
        let Some(writer) = writers.get_mut(usize::from(thread)) else {
            continue;
        };
        if let Err(error) = writer.append(&records) {
            shared.stop();
            failure = Some(error);
            break;
        }
    }
    let mut files = Vec::new();
    for writer in writers {
        let path = writer.path().to_owned();
        match writer.finish() {
            Ok(written) => files.push(BlockFile {
                path,
                bytes: written.bytes,
                records: written.records,
            }),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(files), Err)
}
