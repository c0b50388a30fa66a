//! What is known about an image: its form and its digest.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{disk, hash};

/// Digests of images that were read before, below the user's cache directory.
const CACHE: &str = "hpcbench/images";

/// An image of a container, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub form: ImageForm,
}

/// What an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageForm {
    /// A file, as a rule a `.sif`.
    File {
        /// Its length.
        bytes: u64,
        /// Its hex SHA-256.
        sha256: String,
    },
    /// A directory with a root file system. It has no digest: its files may change at any time.
    Sandbox,
}

/// An image as an event names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRef {
    /// Where it was.
    pub path: String,
    /// Its hex SHA-256; none: a sandbox directory.
    pub sha256: Option<String>,
}

/// An image that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// It is not there.
    #[error(
        "there is no image {}: `hpcbench images pull RECIPE` fetches it from `service.image.source`", .0.display()
    )]
    Missing(PathBuf),
    /// It is there, but is none.
    #[error("{} is no image: {reason}", path.display())]
    NoImage {
        /// Where it is.
        path: PathBuf,
        /// What it is instead.
        reason: &'static str,
    },
    /// It cannot be read.
    #[error("failed to read the image {}", path.display())]
    Unreadable {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

impl Image {
    /// Looks at the image and digests it. The digest is kept in the user's cache directory (`XDG_CACHE_HOME`, or `.cache` in the
    /// home), so that an unchanged file is read once.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read(path: &Path) -> Result<Self, ImageError> {
        Self::read_with(path, cache_dir().as_deref())
    }

    /// Whether something that may be an image is there.
    ///
    /// # Errors
    /// As [`Image::read`], but the file's content is not read.
    pub fn look(path: &Path) -> Result<(), ImageError> {
        metadata(path).map(drop)
    }

    fn read_with(path: &Path, cache: Option<&Path>) -> Result<Self, ImageError> {
        let found = metadata(path)?;
        let form = if found.is_dir() {
            ImageForm::Sandbox
        } else {
            let unreadable = |cause| ImageError::Unreadable {
                path: path.to_path_buf(),
                cause,
            };
            let sha256 = digest(path, &found, cache).map_err(unreadable)?;
            ImageForm::File {
                bytes: found.len(),
                sha256,
            }
        };
        Ok(Self {
            path: path.to_path_buf(),
            form,
        })
    }

    /// As an event names it.
    pub fn reference(&self) -> ImageRef {
        ImageRef {
            path: self.path.display().to_string(),
            sha256: match &self.form {
                ImageForm::File { sha256, .. } => Some(sha256.clone()),
                ImageForm::Sandbox => None,
            },
        }
    }
}

fn metadata(path: &Path) -> Result<Metadata, ImageError> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ImageError::Missing(path.to_path_buf()));
        }
        found => found.map_err(|cause| ImageError::Unreadable {
            path: path.to_path_buf(),
            cause,
        })?,
    };
    let reason = match (found.is_dir(), found.is_file(), found.len()) {
        (true, ..) if !has_programs(path) => "a directory without /bin and /usr is no root file system",
        (false, false, _) => "it is neither a file nor a directory",
        (false, true, 0) => "it is empty",
        _ => return Ok(found),
    };
    let path = path.to_path_buf();
    Err(ImageError::NoImage { path, reason })
}

fn has_programs(root: &Path) -> bool {
    // A link that leads nowhere outside of the container counts.
    ["bin", "usr"]
        .iter()
        .any(|name| fs::symlink_metadata(root.join(name)).is_ok())
}

/// A digest, and the state of the file that it was made of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    path: PathBuf,
    bytes: u64,
    inode: u64,
    modified_ns: i128,
    /// Whoever sets back the time of modification still changes this one.
    changed_ns: i128,
    sha256: String,
}

impl Known {
    fn new(path: &Path, found: &Metadata, sha256: String) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            path: path.to_path_buf(),
            bytes: found.len(),
            inode: found.ino(),
            modified_ns: nanoseconds(found.mtime(), found.mtime_nsec()),
            changed_ns: nanoseconds(found.ctime(), found.ctime_nsec()),
            sha256,
        }
    }
}

fn digest(path: &Path, found: &Metadata, cache: Option<&Path>) -> io::Result<String> {
    let entry = cache.map(|folder| {
        let name = hash::of(path.as_os_str().as_encoded_bytes());
        folder.join(format!("{name}.json"))
    });
    if let Some(entry) = &entry
        && let Some(known) = fs::read(entry)
            .ok()
            .and_then(|json| serde_json::from_slice::<Known>(&json).ok())
        && known == Known::new(path, found, known.sha256.clone())
    {
        return Ok(known.sha256);
    }
    let digested = hash::copy(File::open(path)?, io::sink())?;
    let known = Known::new(path, found, digested.sha256);
    let after = fs::metadata(path)?;
    if Known::new(path, &after, known.sha256.clone()) != known {
        return Err(io::Error::other("it was changed while it was read"));
    }
    if let Some(entry) = &entry {
        // Without it the image is read again the next time.
        let _ = remember(entry, &known);
    }
    Ok(known.sha256)
}

fn remember(entry: &Path, known: &Known) -> io::Result<()> {
    if let Some(folder) = entry.parent() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder)?;
    }
    let partial = disk::partial_beside(entry);
    let _ = fs::remove_file(&partial);
    let mut file = disk::create_private(&partial)?;
    file.write_all(&serde_json::to_vec(known)?)?;
    fs::rename(&partial, entry)
}

/// The user's cache of digests, unless others could write to it.
fn cache_dir() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    let folder = base.join(CACHE);
    match fs::metadata(&folder) {
        Ok(found) if found.uid() != nix::unistd::geteuid().as_raw() => None,
        Ok(found) if found.permissions().mode() & 0o022 != 0 => None,
        _ => Some(folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256_OF_A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    #[test]
    fn a_file_has_a_digest_and_a_sandbox_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.sif");
        fs::write(&file, "a").unwrap();
        let image = Image::read_with(&file, None).unwrap();
        let sha256 = SHA256_OF_A.to_owned();
        assert_eq!(image.form, ImageForm::File { bytes: 1, sha256 });
        let sandbox = dir.path().join("box");
        fs::create_dir_all(sandbox.join("usr")).unwrap();
        let reference = Image::read_with(&sandbox, None).unwrap().reference();
        assert_eq!(reference.sha256, None);
    }

    #[test]
    fn what_is_no_image_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let missing = Image::look(&dir.path().join("none.sif")).unwrap_err();
        assert!(missing.to_string().contains("hpcbench images pull"), "{missing}");
        assert!(matches!(Image::look(dir.path()), Err(ImageError::NoImage { .. })));
        fs::write(dir.path().join("empty.sif"), "").unwrap();
        assert!(matches!(
            Image::look(&dir.path().join("empty.sif")),
            Err(ImageError::NoImage { .. })
        ));
        assert!(matches!(
            Image::look(Path::new("/dev/null")),
            Err(ImageError::NoImage { .. })
        ));
    }

    #[test]
    fn an_unchanged_image_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let (file, cache) = (dir.path().join("a.sif"), dir.path().join("cache"));
        fs::write(&file, "a").unwrap();
        let read = || {
            Image::read_with(&file, Some(&cache))
                .unwrap()
                .reference()
                .sha256
                .unwrap()
        };
        assert_eq!(read(), SHA256_OF_A);
        let entries: Vec<PathBuf> = fs::read_dir(&cache)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        let [entry] = entries.as_slice() else {
            panic!("{entries:?}");
        };
        assert_eq!(fs::metadata(entry).unwrap().permissions().mode() & 0o777, 0o600);
        let marked = fs::read_to_string(entry).unwrap().replace(SHA256_OF_A, "known");
        fs::write(entry, marked).unwrap();
        assert_eq!(read(), "known");
        // Changed, with its length and time of modification kept.
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "b").unwrap();
        File::open(&file).unwrap().set_modified(modified).unwrap();
        assert_ne!(read(), "known");
        fs::write(entry, "damaged").unwrap();
        assert_eq!(read().len(), 64);
    }
}
