//! One process at a time, on a file system that several nodes share.
//!
//! A lock is a file that is created exclusively, which every file system can do; `flock` some cannot. It says who owns it, and
//! its owner touches it every few seconds. Whoever waits takes it over once the owner is proven dead, or the touches have
//! ceased: by the waiter's own clock, since clocks of nodes differ.
//!
//! Should a lock be taken from somebody who only slept, both do the same work, each under a name of its own, and rename.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::disk;

/// Longest content of a lock's file.
const MAX_LOCK_BYTES: u64 = 4096;

/// How patient locks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockTimes {
    /// Pause between two touches.
    pub heartbeat: Duration,
    /// Without a touch for so long, the owner counts as gone.
    pub stale: Duration,
    /// Pause between two tries.
    pub poll: Duration,
    /// Longest wait.
    pub patience: Duration,
}

impl Default for LockTimes {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(10),
            stale: Duration::from_mins(1),
            poll: Duration::from_secs(1),
            patience: Duration::from_hours(2),
        }
    }
}

/// A lock that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error(
        "process {pid} on {host} has been at it for {} s; if there is no such process, remove {}",
        waited.as_secs(), path.display()
    )]
    Busy {
        /// The lock's file.
        path: PathBuf,
        /// Its owner's node.
        host: String,
        /// Its owner.
        pid: u32,
        /// How long this process has waited.
        waited: Duration,
    },
    /// Its file cannot be created.
    #[error("failed to create the lock {}", path.display())]
    File {
        /// The lock's file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

/// Who owns a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    host: String,
    pid: u32,
    /// When that process started, in clock ticks since the boot: a later one with its id is another.
    start: u64,
    /// Tells this lock from an earlier one of the same process.
    at_ns: u128,
}

/// A lock that this process has, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    owner: Owner,
    /// Dropped with the lock, which ends the touches.
    _alive: Sender<()>,
}

impl Lock {
    /// Takes the lock `<path>.lock`. While somebody else has it, `waiting` is called with the owner's node and process id.
    ///
    /// # Errors
    /// Its file cannot be created, or the owner does not come to an end.
    pub fn take(
        path: &Path,
        times: LockTimes,
        mut waiting: impl FnMut(&str, u32),
    ) -> Result<Self, LockError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let failed = |cause| LockError::File {
            path: path.clone(),
            cause,
        };
        let since = Instant::now();
        let mut seen: Option<(Touch, Instant)> = None;
        loop {
            let owner = Owner::this_process();
            match create(&path, &owner) {
                Ok(()) => return Self::keep(path.clone(), owner, times).map_err(failed),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
            // It may have gone between the two looks.
            let Some(touch) = Touch::of(&path) else {
                continue;
            };
            match &seen {
                Some((last, when)) if *last == touch => {
                    if when.elapsed() >= times.stale || touch.owner.as_ref().is_some_and(Owner::is_dead) {
                        take_away(&path, &touch);
                        continue;
                    }
                }
                _ => seen = Some((touch.clone(), Instant::now())),
            }
            let (host, pid) = touch
                .owner
                .map_or(("unknown".to_owned(), 0), |owner| (owner.host, owner.pid));
            if since.elapsed() >= times.patience {
                let waited = since.elapsed();
                return Err(LockError::Busy {
                    path,
                    host,
                    pid,
                    waited,
                });
            }
            waiting(&host, pid);
            std::thread::sleep(times.poll);
        }
    }

    /// Touches it from a thread.
    fn keep(path: PathBuf, owner: Owner, times: LockTimes) -> io::Result<Self> {
        let file = File::options().write(true).open(&path)?;
        let (alive, ended) = channel::<()>();
        std::thread::Builder::new()
            .name("lock".to_owned())
            .spawn(move || {
                while ended.recv_timeout(times.heartbeat) == Err(RecvTimeoutError::Timeout) {
                    // Without it others may come to think that nobody is here, which costs them work and us nothing.
                    let _ = file.set_modified(SystemTime::now());
                }
            })?;
        Ok(Self {
            path,
            owner,
            _alive: alive,
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Unless somebody has taken it over.
        if Touch::of(&self.path).and_then(|touch| touch.owner).as_ref() == Some(&self.owner) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Owner {
    fn this_process() -> Self {
        let pid = std::process::id();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            host: disk::hostname(),
            pid,
            start: start_of(pid).unwrap_or(0),
            at_ns: now.map_or(0, |since| since.as_nanos()),
        }
    }

    /// Whether it was a process of this node that is no more.
    fn is_dead(&self) -> bool {
        self.host == disk::hostname() && start_of(self.pid) != Some(self.start)
    }
}

/// When a process started; none: there is no such process.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// A lock's file as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Touch {
    /// None: it says nothing, since its owner was interrupted while writing it, or just writes it.
    owner: Option<Owner>,
    inode: u64,
    modified: Option<SystemTime>,
}

impl Touch {
    /// Opened, not only asked for: by that a network file system looks at the server.
    fn of(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let found = file.metadata().ok()?;
        let mut json = Vec::new();
        file.take(MAX_LOCK_BYTES).read_to_end(&mut json).ok()?;
        Some(Self {
            owner: serde_json::from_slice(&json).ok(),
            inode: found.ino(),
            modified: found.modified().ok(),
        })
    }
}

fn create(path: &Path, owner: &Owner) -> io::Result<()> {
    let mut file = disk::create_private(path)?;
    file.write_all(&serde_json::to_vec(owner)?)
}

/// Removes the lock of an owner that is gone. Of several that try, the first renames it; who renames another one, that was
/// created meanwhile, gives it back.
fn take_away(path: &Path, stale: &Touch) {
    let aside = disk::partial_beside(path);
    if fs::rename(path, &aside).is_err() {
        return;
    }
    if Touch::of(&aside).is_some_and(|found| found.inode != stale.inode || found.owner != stale.owner) {
        // A link replaces nothing.
        let _ = fs::hard_link(&aside, path);
    }
    let _ = fs::remove_file(&aside);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const QUICK: LockTimes = LockTimes {
        heartbeat: Duration::from_millis(20),
        stale: Duration::from_millis(800),
        poll: Duration::from_millis(5),
        patience: Duration::from_secs(20),
    };

    fn of_another_node(path: &Path) -> PathBuf {
        let file = path.with_extension("sif.lock");
        let owner = Owner {
            host: "elsewhere".to_owned(),
            ..Owner::this_process()
        };
        create(&file, &owner).unwrap();
        file
    }

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = Arc::new(dir.path().join("a.sif"));
        let inside = Arc::new(AtomicU32::new(0));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (path, inside) = (Arc::clone(&path), Arc::clone(&inside));
                std::thread::spawn(move || {
                    let _lock = Lock::take(&path, QUICK, |_, _| ()).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    std::thread::sleep(Duration::from_millis(10));
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            0,
            "something was left behind"
        );
    }

    #[test]
    fn an_owner_that_touches_its_lock_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sif");
        let lock = Lock::take(&path, QUICK, |_, _| ()).unwrap();
        let impatient = LockTimes {
            patience: QUICK.stale * 2,
            ..QUICK
        };
        let mut told = 0;
        let refused = Lock::take(&path, impatient, |_, pid| {
            assert_eq!(pid, std::process::id());
            told += 1;
        });
        assert!(matches!(refused, Err(LockError::Busy { .. })), "{refused:?}");
        assert!(told > 0);
        drop(lock);
        Lock::take(&path, impatient, |_, _| ()).unwrap();
    }

    #[test]
    fn the_lock_of_a_dead_process_is_taken_over_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sif");
        let owner = Owner {
            start: 1,
            ..Owner::this_process()
        };
        create(&path.with_extension("sif.lock"), &owner).unwrap();
        let never = LockTimes {
            stale: Duration::from_hours(1),
            ..QUICK
        };
        Lock::take(&path, never, |_, _| ()).unwrap();
    }

    #[test]
    fn a_lock_without_touches_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sif");
        of_another_node(&path);
        let since = Instant::now();
        Lock::take(&path, QUICK, |host, _| assert_eq!(host, "elsewhere")).unwrap();
        assert!(since.elapsed() >= QUICK.stale);
        // Nor does one count for ever that says nothing.
        fs::write(path.with_extension("sif.lock"), "").unwrap();
        Lock::take(&path, QUICK, |_, _| ()).unwrap();
    }

    #[test]
    fn a_lock_that_was_taken_over_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sif");
        let lock = Lock::take(&path, QUICK, |_, _| ()).unwrap();
        fs::remove_file(path.with_extension("sif.lock")).unwrap();
        let others = of_another_node(&path);
        drop(lock);
        assert!(others.exists());
        // Nor does a slow taker remove a new one.
        let stale = Touch {
            owner: Some(Owner::this_process()),
            inode: 1,
            modified: None,
        };
        take_away(&others, &stale);
        assert!(others.exists());
    }
}
