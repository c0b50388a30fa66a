//! Storage in the directory `events` of a run directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hpcbench_core::Epoch;

use super::{Append, MAX_EPOCH, ReadAt, Storage, StorageError, epoch_file};

const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;
const BLOCK_BYTES: usize = 256 << 10;

/// The log of a run directory.
#[derive(Debug, Clone)]
pub struct DirStorage {
    run_dir: PathBuf,
}

impl DirStorage {
    /// The log of the run in `run_dir`. Its directory `events` is created with the first claim.
    pub fn new(run_dir: impl Into<PathBuf>) -> Self {
        Self {
            run_dir: run_dir.into(),
        }
    }

    fn events(&self) -> PathBuf {
        self.run_dir.join("events")
    }

    fn path(&self, epoch: Epoch) -> PathBuf {
        self.run_dir.join(epoch_file(epoch))
    }

    fn make_events_dir(&self) -> Result<PathBuf, StorageError> {
        let events = self.events();
        match DirBuilder::new().mode(DIR_MODE).create(&events) {
            Ok(()) => sync_dir(&self.run_dir)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(StorageError::on("create", &events)(error)),
        }
        Ok(events)
    }
}

/// Makes the names in `dir` durable.
fn sync_dir(dir: &Path) -> Result<(), StorageError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(StorageError::on("sync", dir))
}

/// The epoch whose file is called `name`; other files are none of the log's.
fn epoch_of(name: &str) -> Option<Epoch> {
    let digits = name.strip_suffix(".jsonl")?;
    let number = digits
        .parse()
        .ok()
        .filter(|_| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit()))?;
    (1..=MAX_EPOCH.0).contains(&number).then_some(Epoch(number))
}

impl Storage for DirStorage {
    fn epochs(&self) -> Result<Vec<Epoch>, StorageError> {
        let events = self.events();
        let entries = match fs::read_dir(&events) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StorageError::on("list", &events)(error)),
        };
        let mut epochs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StorageError::on("list", &events))?;
            epochs.extend(entry.file_name().to_str().and_then(epoch_of));
        }
        epochs.sort_unstable();
        Ok(epochs)
    }

    // A claim takes the number after the highest, so the next number is the first to be taken. Looking for one name
    // is several times as fast as listing all.
    fn higher_than(&self, epoch: Epoch) -> Result<Option<Epoch>, StorageError> {
        let next = self.path(epoch.next());
        match fs::symlink_metadata(&next) {
            Ok(_) => Ok(self.epochs()?.pop().filter(|highest| *highest > epoch)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::on("look for", &next)(error)),
        }
    }

    fn claim(&self, epoch: Epoch) -> Result<Box<dyn Append>, StorageError> {
        let events = self.make_events_dir()?;
        let path = self.path(epoch);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&path)
            .map_err(StorageError::on("create", &path))?;
        file.sync_all().map_err(StorageError::on("sync", &path))?;
        sync_dir(&events)?;
        Ok(Box::new(DirAppend { file, path }))
    }

    fn open(&self, epoch: Epoch) -> Result<Box<dyn ReadAt>, StorageError> {
        let path = self.path(epoch);
        let file = File::open(&path).map_err(StorageError::on("open", &path))?;
        Ok(Box::new(DirReadAt { file, path }))
    }

    fn harden(&self, epoch: Epoch, from: u64, to: u64) -> Result<(), StorageError> {
        let path = self.path(epoch);
        write_again(&path, from, to).map_err(StorageError::on("make durable", &path))
    }

    fn keep_torn(&self, epoch: Epoch, from: u64) -> Result<(), StorageError> {
        let path = self.path(epoch);
        let torn = path.with_extension("torn");
        copy_from(&path, from, &torn).map_err(StorageError::on("keep the torn end in", &torn))?;
        sync_dir(&self.events())
    }

    fn truncate(&self, epoch: Epoch, bytes: u64) -> Result<(), StorageError> {
        let path = self.path(epoch);
        let cut = || {
            let file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(bytes)?;
            file.sync_all()
        };
        cut().map_err(StorageError::on("cut the torn end of", &path))
    }
}

fn write_again(path: &Path, from: u64, to: u64) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut block = vec![0; BLOCK_BYTES];
    let mut at = from;
    while at < to {
        let length = (to - at).min(BLOCK_BYTES as u64) as usize;
        file.read_exact_at(&mut block[..length], at)?;
        file.write_all_at(&block[..length], at)?;
        at += length as u64;
    }
    file.sync_data()
}

fn copy_from(path: &Path, from: u64, to: &Path) -> io::Result<()> {
    let mut source = File::open(path)?;
    source.seek(SeekFrom::Start(from))?;
    let mut target = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

struct DirAppend {
    file: File,
    path: PathBuf,
}

impl Append for DirAppend {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.file
            .write_all(bytes)
            .map_err(StorageError::on("append to", &self.path))
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.file
            .sync_data()
            .map_err(StorageError::on("sync", &self.path))
    }
}

struct DirReadAt {
    file: File,
    path: PathBuf,
}

impl ReadAt for DirReadAt {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError> {
        loop {
            match self.file.read_at(buffer, offset) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result.map_err(StorageError::on("read", &self.path)),
            }
        }
    }

    fn size(&self) -> Result<u64, StorageError> {
        let metadata = self
            .file
            .metadata()
            .map_err(StorageError::on("look at", &self.path))?;
        Ok(metadata.len())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_six_digits_and_jsonl_name_an_epoch() {
        assert_eq!(epoch_of("000007.jsonl"), Some(Epoch(7)));
        for name in [
            "7.jsonl",
            "000000.jsonl",
            "+00007.jsonl",
            "000007.torn",
            "000007.jsonl~",
            "0000007.jsonl",
        ] {
            assert_eq!(epoch_of(name), None, "{name}");
        }
    }

    #[test]
    fn claims_are_exclusive_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DirStorage::new(dir.path());
        assert_eq!(storage.epochs().unwrap(), []);
        storage.claim(Epoch(1)).unwrap().append(b"abc").unwrap();
        let again = storage.claim(Epoch(1)).err().unwrap();
        assert_eq!(again.source.kind(), ErrorKind::AlreadyExists);
        assert_eq!(storage.epochs().unwrap(), [Epoch(1)]);
        assert_eq!(storage.higher_than(Epoch(1)).unwrap(), None);
        storage.claim(Epoch(2)).unwrap();
        storage.claim(Epoch(3)).unwrap();
        assert_eq!(storage.higher_than(Epoch(1)).unwrap(), Some(Epoch(3)));
        let mode = |path: &str| fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("events"), 0o700);
        assert_eq!(mode("events/000001.jsonl"), 0o600);
    }

    #[test]
    fn the_torn_end_is_kept_before_it_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let storage = DirStorage::new(dir.path());
        storage.claim(Epoch(1)).unwrap().append(b"line\nto").unwrap();
        storage.keep_torn(Epoch(1), 5).unwrap();
        storage.truncate(Epoch(1), 5).unwrap();
        assert_eq!(fs::read(dir.path().join("events/000001.torn")).unwrap(), b"to");
        assert_eq!(storage.open(Epoch(1)).unwrap().size().unwrap(), 5);
    }
}
