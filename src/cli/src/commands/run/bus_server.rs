//! The nats-server that the run will use: it has to be there before anything is created.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::exit::Failure;

/// The version of nats-server.
///
/// # Errors
/// There is none, or it cannot be started.
pub(in crate::commands) fn version() -> anyhow::Result<String> {
    let server = hpcbench_nats::find_server().map_err(|error| Failure::Environment(error.to_string()))?;
    let text = ask(&server)
        .with_context(|| Failure::Environment(format!("failed to start {} --version", server.display())))?;
    Ok(version_in(&text).to_owned())
}

fn ask(server: &Path) -> anyhow::Result<String> {
    let output = Command::new(server)
        .arg("--version")
        .stdin(Stdio::null())
        .output()?;
    anyhow::ensure!(output.status.success(), "it ended with {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `nats-server: v2.15.1` → `2.15.1`.
fn version_in(text: &str) -> &str {
    let word = text.split_whitespace().last().unwrap_or("unknown");
    word.strip_prefix('v').unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_the_server_says() {
        assert_eq!(version_in("nats-server: v2.15.1\n"), "2.15.1");
        assert_eq!(version_in(""), "unknown");
    }
}
