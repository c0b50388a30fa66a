//! Reading blocks of records, one block in memory at a time.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::format::{BLOCK_HEADER_BYTES, BlockHeader, FILE_HEADER_BYTES, MAGIC};
use crate::{Record, SCHEMA_VERSION};

/// Streams the records of a block file.
///
/// A torn block at the end, as a killed writer leaves it, ends the iteration and is reported by
/// [`BlockReader::torn_tail`]. Damage before the end is an error, after which the iteration is over.
#[derive(Debug)]
pub struct BlockReader {
    path: PathBuf,
    input: BufReader<File>,
    /// Where the block begins that is read next.
    offset: u64,
    file_bytes: u64,
    payload: Vec<u8>,
    /// Where the next record begins in the payload.
    cursor: usize,
    records_left: u32,
    torn: Option<TornTail>,
    finished: bool,
}

/// An incomplete block at the end of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Where it begins.
    pub offset: u64,
    /// Bytes of it that are there.
    pub bytes: u64,
}

/// Why records could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read the record file {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The file does not begin as a record file does.
    #[error("{path} is no record file")]
    NotRecords {
        /// The file.
        path: PathBuf,
    },
    /// The records are of a schema that this program does not know.
    #[error("{path} has record schema {found}; this program reads {SCHEMA_VERSION}")]
    Schema {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: u32,
    },
    /// A block in the middle of the file is damaged.
    #[error("the record file {path} is damaged in the block at byte {offset}: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the block begins.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl BlockReader {
    /// Opens a block file and checks its header. A file that was killed before its header was whole is empty and
    /// torn.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ReadError> {
        let path = path.into();
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (file_bytes, file) = opened.map_err(|source| ReadError::Io {
            path: path.clone(),
            source,
        })?;
        let mut reader = Self {
            path,
            input: BufReader::new(file),
            offset: 0,
            file_bytes,
            payload: Vec::new(),
            cursor: 0,
            records_left: 0,
            torn: None,
            finished: false,
        };
        reader.read_file_header()?;
        Ok(reader)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The torn block at the end, once the iteration has come there.
    pub fn torn_tail(&self) -> Option<TornTail> {
        self.torn
    }

    fn read_file_header(&mut self) -> Result<(), ReadError> {
        let mut header = [0; FILE_HEADER_BYTES];
        let wanted = header.len().min(self.file_bytes as usize);
        self.read_exact(&mut header[..wanted])?;
        let (magic, version) = header.split_at(MAGIC.len());
        let magic_bytes = wanted.min(MAGIC.len());
        if magic[..magic_bytes] != MAGIC[..magic_bytes] {
            return Err(ReadError::NotRecords {
                path: self.path.clone(),
            });
        }
        if wanted < FILE_HEADER_BYTES {
            self.tear();
            return Ok(());
        }
        let found = version
            .iter()
            .rev()
            .fold(0, |value, &byte| value << 8 | u32::from(byte));
        if found != SCHEMA_VERSION {
            return Err(ReadError::Schema {
                path: self.path.clone(),
                found,
            });
        }
        self.offset = FILE_HEADER_BYTES as u64;
        Ok(())
    }

    /// Loads the next block; false at the end of the file.
    fn load_block(&mut self) -> Result<bool, ReadError> {
        let left = self.file_bytes.saturating_sub(self.offset);
        if left == 0 {
            self.finished = true;
            return Ok(false);
        }
        if left < BLOCK_HEADER_BYTES as u64 {
            self.tear();
            return Ok(false);
        }
        let mut header = [0; BLOCK_HEADER_BYTES];
        self.read_exact(&mut header)?;
        let header = BlockHeader::from_bytes(header);
        if !header.is_plausible() {
            return Err(self.damaged("impossible sizes"));
        }
        let block_bytes = BLOCK_HEADER_BYTES as u64 + u64::from(header.payload_bytes);
        if left < block_bytes {
            self.tear();
            return Ok(false);
        }
        let mut payload = std::mem::take(&mut self.payload);
        payload.resize(header.payload_bytes as usize, 0);
        self.read_exact(&mut payload)?;
        self.payload = payload;
        if !header.matches(&self.payload) {
            if left == block_bytes {
                // A file system may extend a file before it writes the data: the end of a file is never damage.
                self.tear();
                return Ok(false);
            }
            return Err(self.damaged("wrong checksum"));
        }
        self.offset += block_bytes;
        self.cursor = 0;
        self.records_left = header.records;
        Ok(true)
    }

    fn next_record(&mut self) -> Result<Option<Record>, ReadError> {
        while self.records_left == 0 {
            if self.finished || !self.load_block()? {
                return Ok(None);
            }
        }
        let rest = self.payload.get(self.cursor..).unwrap_or_default();
        let Ok((record, left)) = postcard::take_from_bytes::<Record>(rest) else {
            return Err(self.damaged("a record that does not decode"));
        };
        self.cursor += rest.len() - left.len();
        self.records_left -= 1;
        Ok(Some(record))
    }

    fn read_exact(&mut self, into: &mut [u8]) -> Result<(), ReadError> {
        self.input.read_exact(into).map_err(|source| ReadError::Io {
            path: self.path.clone(),
            source,
        })
    }

    fn tear(&mut self) {
        self.torn = Some(TornTail {
            offset: self.offset,
            bytes: self.file_bytes - self.offset,
        });
        self.finished = true;
    }

    fn damaged(&self, what: &'static str) -> ReadError {
        ReadError::Damaged {
            path: self.path.clone(),
            offset: self.offset,
            what,
        }
    }
}

impl Iterator for BlockReader {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_record().transpose();
        if let Some(Err(_)) = next {
            self.finished = true;
            self.records_left = 0;
        }
        next
    }
}
