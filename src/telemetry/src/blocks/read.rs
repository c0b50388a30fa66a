//! Reading what was appended.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::{BLOCK_HEADER_BYTES, HEADER_BYTES, MAGIC, MAX_BLOCK_BYTES};
use crate::Sample;
use crate::clock::Anchor;

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BlockReadError {
    /// The system's trouble.
    #[error("cannot read samples from {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Another kind of file, or of another version.
    #[error("{path} is no file of samples that this program can read")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

/// A file of samples. Iterating gives the whole blocks; a block that was cut off, or is not what was written, ends it.
#[derive(Debug)]
pub struct BlockFile {
    path: PathBuf,
    anchor: Anchor,
    input: BufReader<File>,
}

impl BlockFile {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self, BlockReadError> {
        let io = |source| BlockReadError::Io {
            path: path.to_owned(),
            source,
        };
        let mut input = BufReader::new(File::open(path).map_err(io)?);
        let mut header = [0; HEADER_BYTES];
        match input.read_exact(&mut header) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(io(error)),
            _ => {}
        }
        let foreign = || BlockReadError::Foreign {
            path: path.to_owned(),
        };
        let numbers = header.strip_prefix(&MAGIC).ok_or_else(foreign)?;
        let mut numbers = numbers.as_chunks::<8>().0.iter();
        let mut next = || numbers.next().copied().ok_or_else(foreign);
        let anchor = Anchor {
            monotonic_ns: i64::from_le_bytes(next()?),
            realtime_ns: i64::from_le_bytes(next()?),
            error_ns: u64::from_le_bytes(next()?),
        };
        Ok(Self {
            path: path.to_owned(),
            anchor,
            input,
        })
    }

    /// The clock that the samples have their times from.
    pub const fn anchor(&self) -> Anchor {
        self.anchor
    }

    fn block(&mut self) -> io::Result<Option<Vec<Sample>>> {
        let mut header = [0; BLOCK_HEADER_BYTES];
        if let Err(error) = self.input.read_exact(&mut header) {
            return if error.kind() == io::ErrorKind::UnexpectedEof {
                Ok(None)
            } else {
                Err(error)
            };
        }
        let [length, sum] = [
            [header[0], header[1], header[2], header[3]],
            [header[4], header[5], header[6], header[7]],
        ]
        .map(u32::from_le_bytes);
        if length as usize > MAX_BLOCK_BYTES {
            return Ok(None);
        }
        let mut payload = Vec::with_capacity(length as usize);
        (&mut self.input)
            .take(u64::from(length))
            .read_to_end(&mut payload)?;
        if payload.len() != length as usize || crc32fast::hash(&payload) != sum {
            return Ok(None);
        }
        Ok(postcard::from_bytes(&payload).ok())
    }
}

impl Iterator for BlockFile {
    type Item = Result<Vec<Sample>, BlockReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.block().map_err(|source| BlockReadError::Io {
            path: self.path.clone(),
            source,
        });
        block.transpose()
    }
}
