//! Cuts an epoch file into lines, in constant memory.

use std::ops::Range;

use crate::line::MAX_LINE_BYTES;
use crate::storage::{ReadAt, StorageError};

/// How much is read at once.
const BLOCK_BYTES: usize = 256 << 10;

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Newline,
    /// The file, or the part that may be read, ends without a newline.
    Nothing,
    /// No newline within the longest line: the bytes are not kept.
    TooLong,
}

/// A line, valid until the next one is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    range: Range<usize>,
    pub(crate) ending: Ending,
    /// Line number within the file, from 1.
    pub(crate) number: u64,
    /// Of the line's first byte within the file.
    pub(crate) offset: u64,
}

/// Reads lines from a file's `offset` on, up to `limit` if there is one.
pub(crate) struct Lines {
    file: Box<dyn ReadAt>,
    limit: Option<u64>,
    /// `buffer[start..filled]` are the bytes of the file from `offset` on.
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    offset: u64,
    number: u64,
}

impl Lines {
    pub(crate) fn new(file: Box<dyn ReadAt>, limit: Option<u64>) -> Self {
        Self {
            file,
            limit,
            buffer: Vec::new(),
            start: 0,
            filled: 0,
            offset: 0,
            number: 0,
        }
    }

    /// Like `new`, but begins at the line `number`, whose first byte is at `offset`.
    pub(crate) fn from(file: Box<dyn ReadAt>, limit: Option<u64>, number: u64, offset: u64) -> Self {
        Self {
            offset,
            number: number.saturating_sub(1),
            ..Self::new(file, limit)
        }
    }

    /// Where the next line begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of the last line that was found.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Reads nothing from `limit` on, not even what has been read ahead.
    pub(crate) fn set_limit(&mut self, limit: u64) {
        self.limit = Some(limit);
        let ahead = limit.saturating_sub(self.offset);
        self.filled = self
            .filled
            .min(self.start + usize::try_from(ahead).unwrap_or(usize::MAX - self.start));
    }

    pub(crate) fn file(&self) -> &dyn ReadAt {
        &*self.file
    }

    pub(crate) fn bytes(&self, found: &Found) -> &[u8] {
        self.buffer.get(found.range.clone()).unwrap_or_default()
    }

    /// The next line. An unterminated one stays the next, so that it can be asked for again when the file has grown.
    pub(crate) fn next(&mut self) -> Result<Option<Found>, StorageError> {
        let mut searched = 0;
        loop {
            let unread = &self.buffer[self.start..self.filled];
            if let Some(at) = memchr::memchr(b'\n', &unread[searched..]) {
                let length = searched + at;
                return Ok(Some(self.take(length, length + 1, Ending::Newline)));
            }
            searched = unread.len();
            if searched > MAX_LINE_BYTES {
                return self.skip_long_line().map(Some);
            }
            if self.fill()? == 0 {
                return Ok((searched > 0).then(|| self.unterminated(searched)));
            }
        }
    }

    fn take(&mut self, length: usize, consumed: usize, ending: Ending) -> Found {
        self.number += 1;
        let range = self.start..self.start + length;
        let found = Found {
            range,
            ending,
            number: self.number,
            offset: self.offset,
        };
        self.start += consumed;
        self.offset += consumed as u64;
        found
    }

    fn unterminated(&self, length: usize) -> Found {
        let range = self.start..self.start + length;
        Found {
            range,
            ending: Ending::Nothing,
            number: self.number + 1,
            offset: self.offset,
        }
    }

    fn skip_long_line(&mut self) -> Result<Found, StorageError> {
        let (number, offset) = (self.number + 1, self.offset);
        loop {
            let unread = &self.buffer[self.start..self.filled];
            let newline = memchr::memchr(b'\n', unread);
            let consumed = newline.map_or(unread.len(), |at| at + 1);
            self.start += consumed;
            self.offset += consumed as u64;
            if newline.is_some() || self.fill()? == 0 {
                self.number = number;
                return Ok(Found {
                    range: 0..0,
                    ending: Ending::TooLong,
                    number,
                    offset,
                });
            }
        }
    }

    /// Reads one more block behind what is there, moving it to the front first. Returns how much there was to read.
    fn fill(&mut self) -> Result<usize, StorageError> {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        let end = self.offset + self.filled as u64;
        let wanted = self
            .limit
            .map_or(BLOCK_BYTES as u64, |limit| limit.saturating_sub(end));
        let wanted = wanted.min(BLOCK_BYTES as u64) as usize;
        if wanted == 0 {
            return Ok(0);
        }
        if self.buffer.len() < self.filled + wanted {
            // Zeroed by the system, unlike with `resize`: most of it stays untouched where only a line is read.
            let mut larger = vec![0; (self.filled + wanted).max(2 * self.buffer.len())];
            larger[..self.filled].copy_from_slice(&self.buffer[..self.filled]);
            self.buffer = larger;
        }
        let read = self
            .file
            .read_at(end, &mut self.buffer[self.filled..self.filled + wanted])?;
        self.filled += read;
        Ok(read)
    }
}
