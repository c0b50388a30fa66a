//! Tests that cannot run here say so.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// Notes, for all to see, that a test did not run: on standard error, and as a line in the file that
/// `HPCBENCH_TESTS_SKIPPED` names, which `make test` prints at its end.
pub fn skip(test: &str, reason: &str) {
    eprintln!("SKIPPED: {test}: {reason}");
    let Some(path) = std::env::var_os("HPCBENCH_TESTS_SKIPPED").map(PathBuf::from) else {
        return;
    };
    if let Some(folder) = path.parent() {
        // If this fails, so does the next step.
        let _ = fs::create_dir_all(folder);
    }
    let noted = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        // At once: other tests may write, too.
        .and_then(|mut file| file.write_all(format!("{test}: {}\n", reason.replace('\n', " ")).as_bytes()));
    if let Err(error) = noted {
        eprintln!("cannot note it in {}: {error}", path.display());
    }
}
