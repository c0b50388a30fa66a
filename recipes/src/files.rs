//! Paths of a recipe.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

/// Whether files are there. Rules ask through it, so that they stay functions of their arguments.
pub trait Files {
    /// Whether the path is a file that can be looked at.
    fn is_file(&self, path: &Path) -> bool;

    /// Whether there is anything, a file or a directory.
    fn exists(&self, path: &Path) -> bool;

    /// The first bytes of a file, up to so many.
    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>>;
}

/// The files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// What relative paths are relative to.
#[derive(Debug, Clone)]
pub struct PathBase {
    /// The recipe's directory, absolute.
    pub directory: PathBuf,
    /// What `~/` stands for; without it such paths stay as they are.
    pub home: Option<PathBuf>,
}

impl PathBase {
    /// The absolute path that a recipe's text means, without `.` components.
    pub fn absolute(&self, text: &str) -> PathBuf {
        let path = match (text.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            (Some(_), None) => return PathBuf::from(text),
            (None, _) => self.directory.join(text),
        };
        path.components()
            .filter(|component| *component != Component::CurDir)
            .collect()
    }

    /// The same as text.
    pub(crate) fn absolute_text(&self, text: &str) -> String {
        self.absolute(text).to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_absolute() {
        let base = PathBase {
            directory: "/data/recipes".into(),
            home: Some("/home/ada".into()),
        };
        for (text, path) in [
            ("prompts.jsonl", "/data/recipes/prompts.jsonl"),
            ("./a/./b", "/data/recipes/a/b"),
            ("/abs", "/abs"),
            ("~/key", "/home/ada/key"),
            ("../up", "/data/recipes/../up"),
        ] {
            assert_eq!(base.absolute(text), Path::new(path));
        }
    }
}
