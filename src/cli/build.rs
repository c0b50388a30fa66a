//! Gives the program the Git revision that it is built from.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program is made of, below the workspace.
const SOURCES: [&str; 8] = [
    "Cargo.lock",
    "Cargo.toml",
    "actors",
    "apptainer",
    "nats",
    "recipes",
    "slurm",
    "src",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let revision = revision();
    println!(
        "cargo::rustc-env=HPCBENCH_REVISION={}",
        revision.as_deref().unwrap_or("unknown")
    );
}

/// The revision, if this is a checkout of the project and not a copy inside of another one.
fn revision() -> Option<String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .ok()?;
    let top = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?)
        .canonicalize()
        .ok()?;
    if top != workspace {
        return None;
    }
    // HEAD's own log changes with every commit and checkout. A path that is not there would mean a build every time.
    for name in ["HEAD", "logs/HEAD"] {
        let path = PathBuf::from(git(&["rev-parse", "--git-path", name])?);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    // What is not committed is not the revision. Directories are looked at as a whole.
    for name in SOURCES {
        println!("cargo::rerun-if-changed={}", workspace.join(name).display());
    }
    let changes = git(&[
        "--no-optional-locks",
        "status",
        "--porcelain",
        "--untracked-files=no",
    ])?;
    let mark = if changes.is_empty() { "" } else { "-dirty" };
    git(&["rev-parse", "--short=12", "HEAD"]).map(|revision| revision + mark)
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
