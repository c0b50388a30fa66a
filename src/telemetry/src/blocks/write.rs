//! Appending.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{BLOCK_HEADER_BYTES, HEADER_BYTES, MAGIC, MAX_BLOCK_BYTES};
use crate::Sample;
use crate::clock::Anchor;

/// Samples could not be appended; earlier blocks are kept.
#[derive(Debug, thiserror::Error)]
pub enum BlockWriteError {
    /// The file cannot be created or written.
    #[error("cannot write samples to {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The samples cannot be encoded, or are too many for a block.
    #[error("{samples} samples cannot be made a block of {path}")]
    Encode {
        /// The file.
        path: PathBuf,
        /// How many.
        samples: usize,
        /// Why not; none if they are too many.
        #[source]
        source: Option<postcard::Error>,
    },
}

/// Appends samples to a file of its own.
#[derive(Debug)]
pub struct BlockWriter {
    path: PathBuf,
    file: File,
    /// Where the last whole block ends.
    end: u64,
}

impl BlockWriter {
    /// Creates the file, readable by its owner only. A file that exists already is an error.
    pub fn create(path: impl Into<PathBuf>, anchor: Anchor) -> Result<Self, BlockWriteError> {
        let path = path.into();
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&anchor.monotonic_ns.to_le_bytes());
        header.extend_from_slice(&anchor.realtime_ns.to_le_bytes());
        header.extend_from_slice(&anchor.error_ns.to_le_bytes());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let created = options.open(&path).and_then(|mut file| {
            file.write_all(&header)?;
            Ok(file)
        });
        match created {
            Ok(file) => Ok(Self {
                path,
                file,
                end: HEADER_BYTES as u64,
            }),
            Err(source) => Err(BlockWriteError::Io { path, source }),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file.
    pub const fn bytes(&self) -> u64 {
        self.end
    }

    /// Appends the samples as a block.
    pub fn append(&mut self, samples: &[Sample]) -> Result<(), BlockWriteError> {
        let failed = |source| BlockWriteError::Encode {
            path: self.path.clone(),
            samples: samples.len(),
            source,
        };
        let payload = postcard::to_stdvec(samples).map_err(|error| failed(Some(error)))?;
        let length = u32::try_from(payload.len()).ok();
        let Some(length) = length.filter(|_| payload.len() <= MAX_BLOCK_BYTES) else {
            return Err(failed(None));
        };
        let mut block = Vec::with_capacity(BLOCK_HEADER_BYTES + payload.len());
        block.extend_from_slice(&length.to_le_bytes());
        block.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        block.extend_from_slice(&payload);
        // What a failed append left behind is overwritten.
        let at_end = self.file.seek(SeekFrom::Start(self.end));
        let written = at_end.and_then(|_| self.file.write_all(&block));
        written.map_err(|source| BlockWriteError::Io {
            path: self.path.clone(),
            source,
        })?;
        self.end += block.len() as u64;
        Ok(())
    }
}
