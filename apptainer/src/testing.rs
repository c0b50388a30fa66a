//! Stand-ins for Apptainer that fail in ways which the real one cannot be made to.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Writes an executable script. Another test's child may have inherited a file that is open for writing here, and such a file
/// cannot be executed: it is made by a process of its own.
pub(crate) fn program(path: &Path, script: &str) {
    let text = path.with_extension("text");
    fs::write(&text, script).unwrap();
    let install = Command::new("install")
        .args(["-m", "755"])
        .args([&text, path])
        .status();
    assert!(install.unwrap().success());
}
