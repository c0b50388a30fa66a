//! Writing blocks of records.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::format::{
    BLOCK_HEADER_BYTES, BlockHeader, FILE_HEADER_BYTES, MAGIC, MAX_RECORD_BYTES, TARGET_BLOCK_BYTES,
};
use crate::{Record, SCHEMA_VERSION};

/// Appends records to a file of its own.
///
/// After an error the file ends with the last whole block, and another append may be tried.
#[derive(Debug)]
pub struct BlockWriter {
    path: PathBuf,
    file: File,
    /// Where the last whole block ends.
    end: u64,
    records: u64,
    /// A block under construction: room for the header, then the payload.
    buffer: Vec<u8>,
    /// The end of the file could not be repaired after a failed write.
    broken: bool,
}

/// What a finished file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Size of the file.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
}

/// Why records could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file could not be created.
    #[error("cannot create the record file {path}")]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// No space or no quota is left. Earlier blocks are kept.
    #[error(
        "no space left for the record file {path} after {bytes} bytes; free some, or choose another scratch directory"
    )]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// Bytes that are safely in it.
        bytes: u64,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Writing failed for another reason. Earlier blocks are kept.
    #[error("cannot write to the record file {path} after {bytes} bytes")]
    Write {
        /// The file.
        path: PathBuf,
        /// Bytes that are safely in it.
        bytes: u64,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A record is larger than [`MAX_RECORD_BYTES`].
    #[error("record {request_id} takes {bytes} bytes, more than the limit of {MAX_RECORD_BYTES}")]
    RecordTooLarge {
        /// The record's request.
        request_id: String,
        /// Its size.
        bytes: usize,
    },
    /// A record could not be encoded.
    #[error("record {request_id} cannot be encoded")]
    Encode {
        /// The record's request.
        request_id: String,
        /// The encoder's reason.
        #[source]
        source: postcard::Error,
    },
}

impl BlockWriter {
    /// Creates the file, readable by its owner only. A file that exists already is an error.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, WriteError> {
        let path = path.into();
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = created.map_err(|source| WriteError::Create {
            path: path.clone(),
            source,
        })?;
        let mut writer = Self {
            path,
            file,
            end: 0,
            records: 0,
            buffer: Vec::with_capacity(TARGET_BLOCK_BYTES),
            broken: false,
        };
        writer.buffer.extend_from_slice(&MAGIC);
        writer.buffer.extend_from_slice(&SCHEMA_VERSION.to_le_bytes());
        debug_assert_eq!(writer.buffer.len(), FILE_HEADER_BYTES);
        writer.write_buffer()?;
        Ok(writer)
    }

    /// Where the records go.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Records written so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Writes the records as one block, or as several where they are many. Nothing stays behind in memory.
    ///
    /// Where this fails after some of several blocks, those are in the file and [`Self::records`] counts them.
    pub fn append(&mut self, records: &[Record]) -> Result<(), WriteError> {
        self.start_block();
        let mut count = 0;
        for record in records {
            self.encode(record)?;
            count += 1;
            if self.buffer.len() >= TARGET_BLOCK_BYTES {
                self.write_block(count)?;
                self.start_block();
                count = 0;
            }
        }
        if count > 0 {
            self.write_block(count)?;
        }
        Ok(())
    }

    /// Syncs the file to disk.
    pub fn finish(self) -> Result<Written, WriteError> {
        match self.file.sync_all() {
            Ok(()) => Ok(Written {
                bytes: self.end,
                records: self.records,
            }),
            Err(source) => Err(self.error(source)),
        }
    }

    fn start_block(&mut self) {
        self.buffer.clear();
        self.buffer.resize(BLOCK_HEADER_BYTES, 0);
    }

    fn encode(&mut self, record: &Record) -> Result<(), WriteError> {
        let before = self.buffer.len();
        if let Err(source) = postcard::to_io(record, &mut self.buffer) {
            return Err(WriteError::Encode {
                request_id: record.request_id.clone(),
                source,
            });
        }
        let bytes = self.buffer.len() - before;
        if bytes > MAX_RECORD_BYTES {
            return Err(WriteError::RecordTooLarge {
                request_id: record.request_id.clone(),
                bytes,
            });
        }
        Ok(())
    }

    fn write_block(&mut self, records: u32) -> Result<(), WriteError> {
        let (header, payload) = self.buffer.split_at_mut(BLOCK_HEADER_BYTES);
        header.copy_from_slice(&BlockHeader::of(payload, records).to_bytes());
        self.write_buffer()?;
        self.records += u64::from(records);
        Ok(())
    }

    /// Writes the buffer at the end of the file, wholly or not at all.
    fn write_buffer(&mut self) -> Result<(), WriteError> {
        if self.broken {
            return Err(self.error(io::Error::other("an earlier failed write could not be undone")));
        }
        match self.file.write_all(&self.buffer) {
            Ok(()) => {
                self.end += self.buffer.len() as u64;
                Ok(())
            }
            Err(source) => {
                let undone = self
                    .file
                    .set_len(self.end)
                    .and_then(|()| self.file.seek(SeekFrom::Start(self.end)));
                self.broken = undone.is_err();
                Err(self.error(source))
            }
        }
    }

    fn error(&self, source: io::Error) -> WriteError {
        let (path, bytes) = (self.path.clone(), self.end);
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                WriteError::DiskFull { path, bytes, source }
            }
            _ => WriteError::Write { path, bytes, source },
        }
    }
}
