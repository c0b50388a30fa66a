//! The file that a collected log is kept in.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::shell::private_append;

/// Largest collected file; beyond it lines are counted, not kept.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A collected log.
pub(super) struct Output {
    file: BufWriter<File>,
    bytes: u64,
}

impl Output {
    /// Goes on with a file that a former epoch may have begun; a last line that it could not finish is cut off.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = private_append(path)?;
        let bytes = end_of_lines(&mut file)?;
        file.set_len(bytes)?;
        let file = BufWriter::new(file);
        Ok(Self { file, bytes })
    }

    /// Whether there was room for the text.
    pub(super) fn append(&mut self, text: &[u8]) -> io::Result<bool> {
        let bytes = self.bytes + text.len() as u64;
        if bytes > MAX_FILE_BYTES {
            return Ok(false);
        }
        self.bytes = bytes;
        self.file.write_all(text).map(|()| true)
    }

    /// Hands what was appended to the system.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Where the last complete line ends.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    const BLOCK: u64 = 8192;
    let mut end = file.seek(SeekFrom::End(0))?;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_killed_collector_left_unfinished_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let long = "x".repeat(20_000);
        for (before, kept) in [("", ""), ("{", ""), ("{}\n", "{}\n"), ("{}\n{\"a\"", "{}\n")] {
            for rest in ["", long.as_str()] {
                let unfinished = if before.ends_with('\n') { "" } else { rest };
                std::fs::write(&path, format!("{before}{unfinished}")).unwrap();
                let mut output = Output::open(&path).unwrap();
                assert_eq!(output.bytes, kept.len() as u64);
                output.file.write_all(b"[]\n").unwrap();
                drop(output);
                assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{kept}[]\n"));
            }
        }
    }
}
