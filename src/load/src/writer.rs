//! The thread that writes records to disk.

use std::sync::mpsc::Receiver;

use hpcbench_records::{BlockWriter, WriteError};

use crate::engine::Batch;
use crate::outcome::BlockFile;
use crate::shared::Shared;

/// What the writer leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) files: Vec<BlockFile>,
    /// Why it wrote no more than that, if it did not write everything.
    pub(crate) failure: Option<WriteError>,
}

/// Writes batches until all engine threads have ended, each thread's to its own file. After an error the load is
/// stopped, and what was written until then is kept.
pub(crate) fn run(mut writers: Vec<BlockWriter>, batches: &Receiver<Batch>, shared: &Shared) -> Written {
    let mut failure = None;
    for (thread, records) in batches {
        let Some(writer) = writers.get_mut(usize::from(thread)) else {
            continue;
        };
        if let Err(error) = writer.append(&records) {
            shared.cut_short();
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
    Written { files, failure }
}
