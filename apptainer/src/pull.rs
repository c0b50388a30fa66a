//! Fetching an image: once, completely, however many try.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::failure::FailureKind;
use crate::image::{Image, ImageError};
use crate::lock::{Lock, LockError, LockTimes};
use crate::program::Apptainer;
use crate::room::{RoomError, has_room};
use crate::{disk, hash};

/// Pause between two looks at the size of what has come so far.
const PROGRESS: Duration = Duration::from_secs(5);
/// Lines of Apptainer's that an error shows.
const TAIL_LINES: usize = 12;
/// Longest line of Apptainer's.
const MAX_LINE_BYTES: u64 = 8192;
/// Sources that `apptainer pull` fetches; any other is for `apptainer build`.
const PULLED: [&str; 6] = ["docker", "oras", "library", "shub", "http", "https"];
/// The user has chosen where Apptainer keeps layers for the next time.
const CACHE_VARIABLE: &str = "APPTAINER_CACHEDIR";

/// How an image is fetched.
#[derive(Debug, Clone)]
pub struct PullOptions {
    /// Whether an image that is there is replaced.
    pub force: bool,
    /// Where layers are unpacked; it wants a fast disk with room for twice the image.
    pub scratch: PathBuf,
    /// What relative paths in a source or a definition file are relative to.
    pub directory: PathBuf,
    /// How patient to be with others that fetch the same image.
    pub times: LockTimes,
    /// Words before Apptainer's command: a program that ends it once its own standard input is closed, so that it does not outlive
    /// this process. Empty: nothing does.
    pub guard: Vec<OsString>,
}

/// What happens meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullEvent<'a> {
    /// Somebody else fetches it: this process on this node.
    Waiting {
        /// The node.
        host: &'a str,
        /// The process.
        pid: u32,
    },
    /// Apptainer says something.
    Line(&'a str),
    /// So much of the image has been written.
    Bytes(u64),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// It was fetched.
    Fetched(Image),
    /// It was there, or somebody else has fetched it meanwhile.
    Present(Image),
}

/// An image that is not there afterwards.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The source is nothing that could be passed to Apptainer.
    #[error("{0:?} is no source of an image: it is empty, begins with a dash or has control characters")]
    Source(String),
    /// A sandbox is not replaced: somebody may have worked in it.
    #[error("{} is a directory; it is not replaced by a fetched image", .0.display())]
    Sandbox(PathBuf),
    /// Too little room.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// Others fetch it and do not come to an end.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Apptainer says no.
    #[error("failed to fetch {origin}: {kind}\n{tail}")]
    Failed {
        /// From where.
        origin: String,
        /// What it means.
        kind: FailureKind,
        /// What Apptainer said.
        tail: String,
    },
    /// The disk refuses.
    #[error("failed to {what} {}", path.display())]
    Disk {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// What was fetched is no image.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl PullError {
    fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self::Disk { what, path, cause }
    }
}

/// Fetches an image to `path` unless it is there. It appears there all at once; others that try at the same time wait.
///
/// # Errors
/// It cannot be fetched; what had come of it is removed.
pub fn pull(
    apptainer: &Apptainer,
    source: &str,
    path: &Path,
    options: &PullOptions,
    mut tell: impl FnMut(PullEvent<'_>),
) -> Result<Pulled, PullError> {
    if source.is_empty() || source.starts_with('-') || source.chars().any(char::is_control) {
        return Err(PullError::Source(source.to_owned()));
    }
    if path.is_dir() {
        return if options.force {
            Err(PullError::Sandbox(path.to_path_buf()))
        } else {
            Ok(Pulled::Present(Image::read(path)?))
        };
    }
    if !options.force && Image::look(path).is_ok() {
        return Ok(Pulled::Present(Image::read(path)?));
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(PullError::disk("create the directory", folder))?;
    let mut waited = false;
    let _lock = Lock::take(path, options.times, |host, pid| {
        waited = true;
        tell(PullEvent::Waiting { host, pid });
    })?;
    // Whoever had the lock has fetched it, most likely.
    if (waited || !options.force) && Image::look(path).is_ok() {
        return Ok(Pulled::Present(Image::read(path)?));
    }
    disk::remove_partials(path);
    let partial = disk::partial_beside(path);
    let fetched = fetch(apptainer, source, path, &partial, options, &mut tell).and_then(|()| {
        Image::look(&partial)?;
        disk::publish(&partial, path).map_err(PullError::disk("complete", path))
    });
    if fetched.is_err() {
        // Somebody who took the lock from us, as we only slept, may have been faster.
        let is_taken = !partial.exists() && !options.force && Image::look(path).is_ok();
        if is_taken {
            return Ok(Pulled::Present(Image::read(path)?));
        }
        let _ = fs::remove_file(&partial);
    }
    fetched?;
    Ok(Pulled::Fetched(Image::read(path)?))
}

/// A directory to unpack in. Those of killed processes that have fetched the same image there are removed.
fn workplace(scratch: &Path, image: &Path) -> Result<PathBuf, PullError> {
    let digest = hash::of(image.as_os_str().as_encoded_bytes());
    let prefix = format!("hpcbench-pull-{}-", digest.get(..16).unwrap_or(&digest));
    for entry in fs::read_dir(scratch).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        if owner.is_some_and(|owner| disk::is_abandoned(owner, &entry.path())) {
            // Another user's stays.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let work = scratch.join(format!("{prefix}{}", disk::owner()));
    let mut builder = fs::DirBuilder::new();
    let created = builder.recursive(true).mode(0o700).create(&work);
    created.map_err(PullError::disk("create the directory", &work))?;
    Ok(work)
}

fn fetch(
    apptainer: &Apptainer,
    source: &str,
    path: &Path,
    partial: &Path,
    options: &PullOptions,
    tell: &mut impl FnMut(PullEvent<'_>),
) -> Result<(), PullError> {
    let work = workplace(&options.scratch, path)?;
    let done = has_room(partial.parent().unwrap_or(&work))
        .and_then(|()| has_room(&work))
        .map_err(PullError::from)
        .and_then(|()| {
            let mut words = options.guard.clone();
            words.push(apptainer.program.clone().into_os_string());
            words.extend(arguments(
                source,
                partial,
                std::env::var_os(CACHE_VARIABLE).is_some(),
            ));
            let mut words = words.into_iter();
            let mut command = Command::new(words.next().unwrap_or_default());
            command
                .args(words)
                .env("APPTAINER_TMPDIR", &work)
                .current_dir(&options.directory);
            run(command, partial, tell).map_err(PullError::disk("run", &apptainer.program))
        });
    // Layers that Apptainer could not remove itself are of no use to anybody.
    let _ = fs::remove_dir_all(&work);
    let (status, tail) = done?;
    if status.success() {
        return Ok(());
    }
    let tail = Vec::from(tail).join("\n");
    Err(PullError::Failed {
        origin: source.to_owned(),
        kind: FailureKind::of(&tail),
        tail,
    })
}

/// What Apptainer is asked to do.
fn arguments(source: &str, partial: &Path, keeps_layers: bool) -> Vec<OsString> {
    let scheme = source.split_once("://").map(|(scheme, _)| scheme);
    let is_pulled = scheme.is_some_and(|scheme| PULLED.contains(&scheme));
    let mut arguments: Vec<OsString> = vec![if is_pulled { "pull" } else { "build" }.into()];
    if !keeps_layers {
        // Its cache would be in the home directory, whose quota is small.
        arguments.push("--disable-cache".into());
    }
    arguments.extend(["--".into(), partial.into(), source.into()]);
    arguments
}

type Output = (ExitStatus, VecDeque<String>);

/// Runs it to its end, telling what it says and how much there is; what it said last is kept.
fn run(mut command: Command, partial: &Path, tell: &mut impl FnMut(PullEvent<'_>)) -> io::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    // Open until the end: waiting for the process would close it.
    let _lifeline = child.stdin.take();
    let lines = lines_of(&mut child)?;
    let mut tail = VecDeque::new();
    let mut last = Instant::now();
    loop {
        match lines.recv_timeout(PROGRESS.saturating_sub(last.elapsed())) {
            Ok(line) => {
                tell(PullEvent::Line(&line));
                if tail.len() == TAIL_LINES {
                    tail.pop_front();
                }
                tail.push_back(line);
            }
            Err(RecvTimeoutError::Timeout) => {
                last = Instant::now();
                if let Ok(found) = fs::metadata(partial) {
                    tell(PullEvent::Bytes(found.len()));
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok((child.wait()?, tail))
}

/// The lines of its standard error; bars that are drawn anew are lines of their own.
fn lines_of(child: &mut Child) -> io::Result<Receiver<String>> {
    let stderr = child
        .stderr
        .take()
        .ok_or_else(|| io::Error::other("it has no standard error"))?;
    let (sender, lines) = channel();
    std::thread::Builder::new()
        .name("lines".to_owned())
        .spawn(move || {
            let mut reader = BufReader::new(stderr);
            loop {
                let mut line = Vec::new();
                match reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end().rsplit('\r').next().unwrap_or_default();
                if !text.is_empty() && sender.send(text.to_owned()).is_err() {
                    break;
                }
            }
        })?;
    Ok(lines)
}

#[cfg(test)]
mod tests;
