//! Rules of the house that no compiler knows: which crate may use which, what the pure crates must not touch, and what
//! no file may contain. Each rule reports every violation at once, as `file:line: what is wrong`.

mod crates;
mod files;
mod text;

use std::path::Path;

/// The folder that holds the workspace.
fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Fails with all violations, if there are any.
#[track_caller]
fn report(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}:\n  {}", violations.join("\n  "));
}
