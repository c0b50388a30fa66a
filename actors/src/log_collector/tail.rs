//! Following a growing file. By polling: inotify does not see what other nodes write to a shared file system.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Longest line; what is beyond is dropped and counted.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024;
/// Most bytes that one look at a file takes.
const MAX_READ_BYTES: u64 = 4 * 1024 * 1024;
/// How far from a file's end to look for the lines that are shown to somebody.
pub const TAIL_BYTES: u64 = 16 * 1024;

/// A file and how far it was read.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    file: Option<File>,
    rest: Vec<u8>,
    dropped: u64,
}

impl Tail {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            rest: Vec::new(),
            dropped: 0,
        }
    }

    /// Bytes of overlong lines that were dropped.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The complete lines that were added since; with `all`, an unfinished last line too. Whether there may be more.
    pub(super) fn read(&mut self, all: bool, take: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        if self.file.is_none() {
            self.file = match File::open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            };
        }
        let Some(file) = &mut self.file else {
            return Ok(false);
        };
        let mut block = Vec::new();
        let read = file.take(MAX_READ_BYTES).read_to_end(&mut block)?;
        self.split(&block, take);
        if all && read == 0 && !self.rest.is_empty() {
            take(&std::mem::take(&mut self.rest));
        }
        Ok(read > 0)
    }

    fn split(&mut self, block: &[u8], take: &mut dyn FnMut(&[u8])) {
        for piece in block.split_inclusive(|byte| *byte == b'\n') {
            let (text, complete) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let room = MAX_LINE_BYTES.saturating_sub(self.rest.len());
            self.rest.extend_from_slice(text.get(..room).unwrap_or(text));
            self.dropped += text.len().saturating_sub(room) as u64;
            if complete {
                take(self.rest.strip_suffix(b"\r").unwrap_or(&self.rest));
                self.rest.clear();
            }
        }
    }
}

/// The last lines of a file, at most `lines`, and none that begins further than `bytes` from its end; empty if it cannot be read.
pub fn log_tail(path: &Path, lines: usize, bytes: u64) -> Vec<String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let skipped = file.metadata()?.len().saturating_sub(bytes);
        file.seek(SeekFrom::Start(skipped))?;
        let mut text = Vec::new();
        file.take(bytes).read_to_end(&mut text)?;
        if skipped > 0 {
            // What comes first is the end of a line.
            let rest = text
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(0, |end| end + 1);
            text.drain(..rest);
        }
        Ok(text)
    };
    let text = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all.iter()
        .skip(all.len().saturating_sub(lines))
        .map(|line| (*line).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(tail: &mut Tail, all: bool) -> Vec<String> {
        let mut lines = Vec::new();
        while tail
            .read(all, &mut |line| {
                lines.push(String::from_utf8_lossy(line).into_owned());
            })
            .unwrap()
        {}
        lines
    }

    #[test]
    fn gives_each_line_once_and_the_unfinished_one_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut tail = Tail::new(path.clone());
        assert!(lines(&mut tail, false).is_empty());
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(lines(&mut tail, false), ["one"]);
        file.write_all(b"o\r\n\nthree").unwrap();
        assert_eq!(lines(&mut tail, false), ["two", ""]);
        assert_eq!(lines(&mut tail, true), ["three"]);
        assert!(lines(&mut tail, true).is_empty());
    }

    #[test]
    fn cuts_overlong_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(
            &path,
            [vec![b'x'; MAX_LINE_BYTES + 5], b"\nshort\n".to_vec()].concat(),
        )
        .unwrap();
        let mut tail = Tail::new(path);
        let lines = lines(&mut tail, false);
        assert_eq!(
            lines.iter().map(String::len).collect::<Vec<_>>(),
            [MAX_LINE_BYTES, 5]
        );
        assert_eq!(tail.dropped(), 5);
    }

    #[test]
    fn tells_the_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "a\nb\n\nc\n").unwrap();
        assert_eq!(log_tail(&path, 2, TAIL_BYTES), ["b", "c"]);
        assert!(log_tail(&dir.path().join("none"), 2, TAIL_BYTES).is_empty());
        let long = "x".repeat(TAIL_BYTES as usize);
        std::fs::write(&path, format!("{long}\nlast\n")).unwrap();
        assert_eq!(log_tail(&path, 2, TAIL_BYTES), ["last"]);
        assert_eq!(log_tail(&path, 2, 2 * TAIL_BYTES), [long.as_str(), "last"]);
    }
}
