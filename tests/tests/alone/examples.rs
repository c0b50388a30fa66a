//! The load engine's examples, and what they print.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Simulator, example};

/// What the barest client prints that reads so many streams for so long, after two seconds of warm-up.
pub(crate) fn read_bare(simulator: &Simulator, streams: u32, seconds: u32, tokens: u32) -> Result<String> {
    let mut command = Command::new(example("baseline")?);
    command.arg(simulator.address().to_string());
    command.args([streams, seconds, tokens].map(|number| number.to_string()));
    succeed(command)
}

/// What the program prints.
pub(crate) fn succeed(mut command: Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(text)
}

/// The number between two words of a text.
pub(crate) fn between(text: &str, before: &str, after: &str) -> Result<f64> {
    let found = text
        .split_once(before)
        .and_then(|(_, rest)| rest.split_once(after));
    let (number, _) = found.with_context(|| format!("no number after {before:?}: {text}"))?;
    Ok(number.parse()?)
}
