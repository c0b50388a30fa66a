//! The program `apptainer`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Its name.
const NAME: &str = "apptainer";

/// The program `apptainer` of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apptainer {
    /// Where it is, absolute.
    pub program: PathBuf,
    /// Its version, such as `1.3.6`.
    pub version: String,
}

/// No containers can be started here.
#[derive(Debug, thiserror::Error)]
pub enum ApptainerError {
    /// It is not there.
    #[error(
        "there is no apptainer on PATH: on a cluster load its module (`launch.modules` in the recipe), elsewhere \
         install the package apptainer; without `service.image` the program on PATH is used"
    )]
    Missing,
    /// It does not work.
    #[error("failed to start {} --version", program.display())]
    Broken {
        /// Where it is.
        program: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
}

impl Apptainer {
    /// Looks for it on this process's `PATH`, which modules change too, and asks for its version.
    ///
    /// # Errors
    /// It is not there, or does not work.
    pub fn find() -> Result<Self, ApptainerError> {
        Self::find_in(&std::env::var_os("PATH").unwrap_or_default())
    }

    fn find_in(path: &OsStr) -> Result<Self, ApptainerError> {
        // Relative entries would depend on where a process happens to be.
        let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
        let mut candidates = folders.map(|folder| folder.join(NAME));
        let program = candidates.find(|candidate| is_executable(candidate));
        let program = program.ok_or(ApptainerError::Missing)?;
        let version = version(&program).map_err(|cause| ApptainerError::Broken {
            program: program.clone(),
            cause,
        })?;
        Ok(Self { program, version })
    }
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn version(program: &Path) -> std::io::Result<String> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or_default();
        return Err(std::io::Error::other(format!(
            "it ended with {}: {said}",
            output.status
        )));
    }
    Ok(version_in(&String::from_utf8_lossy(&output.stdout)).to_owned())
}

/// `apptainer version 1.4.5-1` → `1.4.5-1`.
fn version_in(text: &str) -> &str {
    text.split_whitespace().last().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn script(folder: &Path, text: &str) {
        testing::program(&folder.join(NAME), text);
    }

    #[test]
    fn the_first_on_the_path_is_found_with_its_version() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // A file that is no program does not count.
        fs::write(first.path().join(NAME), "").unwrap();
        script(second.path(), "#!/bin/sh\necho apptainer version 1.3.6\n");
        let path = std::env::join_paths([Path::new("relative"), first.path(), second.path()]).unwrap();
        let found = Apptainer::find_in(&path).unwrap();
        assert_eq!(found.program, second.path().join(NAME));
        assert_eq!(found.version, "1.3.6");
    }

    #[test]
    fn none_and_a_broken_one_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let find = || Apptainer::find_in(folder.path().as_os_str());
        assert!(matches!(find(), Err(ApptainerError::Missing)));
        script(folder.path(), "#!/bin/sh\necho no libseccomp >&2\nexit 127\n");
        let Err(ApptainerError::Broken { cause, .. }) = find() else {
            panic!("it does not work");
        };
        assert!(cause.to_string().contains("no libseccomp"), "{cause}");
    }
}
