//! What `make dist` has built.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use hpcbench_tests::{binary, skip, workspace};

/// The C library of the RHEL 8 family.
const GLIBC: &str = "2.28";

#[test]
fn what_is_distributed_starts_on_old_systems() -> Result<()> {
    let program = workspace().join("target/dist/hpcbench");
    if !program.exists() {
        skip(
            "what_is_distributed_starts_on_old_systems",
            "there is no target/dist: `make dist` builds it, and checks it then",
        );
        return Ok(());
    }
    let version =
        |program: &Path| -> Result<Vec<u8>> { Ok(Command::new(program).arg("--version").output()?.stdout) };
    if version(&program)? != version(&binary()?)? {
        skip(
            "what_is_distributed_starts_on_old_systems",
            "target/dist is of another version of the project: `make dist` builds this one's",
        );
        return Ok(());
    }
    let checked = Command::new(workspace().join("tests/harness/check-symbols.sh"))
        .arg(program)
        .arg(GLIBC)
        .output()?;
    ensure!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    Ok(())
}
