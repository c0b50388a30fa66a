//! The text files of the project.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::workspace;

/// Endings of the files that people write and read.
const SOURCE: &[&str] = &[
    "rs", "py", "sh", "toml", "yaml", "yml", "md", "j2", "conf", "def", "sql", "html", "css", "js",
];

/// Files without an ending that people write and read.
const NAMED: &[&str] = &["Makefile", "run", ".gitignore"];

/// A file and what is in it.
pub(crate) struct Source {
    /// Relative to the workspace.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Source {
    /// Whether it is Rust below this folder of the workspace.
    pub(crate) fn is_rust_below(&self, folder: &str) -> bool {
        self.is_rust() && self.path.starts_with(folder)
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.extension().is_some_and(|ending| ending == "rs")
    }

    /// Whether only tests use it, as its path tells.
    pub(crate) fn is_for_tests(&self) -> bool {
        let parts = self.path.iter().filter_map(|part| part.to_str());
        parts
            .map(|part| part.trim_end_matches(".rs"))
            .any(|part| part == "tests" || part == "testing")
    }

    /// One violation for each line that the predicate finds wrong.
    pub(crate) fn wrong_lines(&self, what: &str, wrong: impl Fn(&str) -> bool) -> Vec<String> {
        let numbered = self.text.lines().zip(1..);
        numbered
            .filter(|(line, _)| wrong(line))
            .map(|(line, number)| format!("{}:{number}: {what}: {}", self.path.display(), line.trim()))
            .collect()
    }
}

/// Every source file of the workspace that git does not ignore.
pub(crate) fn sources() -> io::Result<Vec<Source>> {
    let root = workspace().canonicalize()?;
    let ignored: Vec<PathBuf> = fs::read_to_string(root.join(".gitignore"))?
        .lines()
        .filter_map(|line| line.strip_prefix('/'))
        .map(|name| root.join(name))
        .chain([root.join(".git")])
        .collect();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            if ignored.contains(&path) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if is_source(&path) {
                let text = fs::read_to_string(&path)?;
                found.push(Source {
                    path: path.strip_prefix(&root).unwrap_or(&path).to_owned(),
                    text,
                });
            }
        }
    }
    Ok(found)
}

fn is_source(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    SOURCE.contains(&ending) || NAMED.contains(&name)
}
