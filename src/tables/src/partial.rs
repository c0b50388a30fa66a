//! A file that appears under its name only when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::TableError;
use crate::hashing::Hashing;

/// Where a table's bytes go.
pub(crate) type Output = Hashing<BufWriter<File>>;

/// A finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Size of the file.
    pub bytes: u64,
    /// Rows in it.
    pub rows: u64,
    /// SHA-256 of the file in hexadecimal digits.
    pub sha256: String,
}

/// The file under its temporary name; removed unless it was renamed.
#[derive(Debug)]
pub(crate) struct PartialFile(PathBuf);

impl PartialFile {
    /// Begins a file, readable by its owner only.
    pub(crate) fn create(path: &Path) -> Result<(Self, Output), TableError> {
        let partial = Self::beside(path);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options
            .open(&partial.0)
            .map_err(|source| TableError::io("create", &partial.0, source))?;
        Ok((partial, Hashing::new(BufWriter::new(file))))
    }

    /// Syncs the file, and gives it its name.
    pub(crate) fn complete(self, output: Output, path: &Path, rows: u64) -> Result<Written, TableError> {
        let (buffered, bytes, sha256) = output.finish();
        let file = buffered
            .into_inner()
            .map_err(|e| TableError::io("write", &self.0, e.into_error()))?;
        file.sync_all()
            .map_err(|source| TableError::io("sync", &self.0, source))?;
        self.rename_to(path)?;
        Ok(Written { bytes, rows, sha256 })
    }

    fn beside(path: &Path) -> Self {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".partial");
        Self(path.with_file_name(name))
    }

    fn rename_to(self, path: &Path) -> Result<(), TableError> {
        fs::rename(&self.0, path).map_err(|source| TableError::io("rename", &self.0, source))?;
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|source| TableError::io("sync", directory, source))
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        // After the renaming there is nothing left to remove, and otherwise an error has been returned already.
        let _ = fs::remove_file(&self.0);
    }
}
