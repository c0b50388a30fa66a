//! Asking Slurm without submitting anything.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use hpcbench_core::Timestamp;
use hpcbench_slurm::{Slurm, SubmitError};

use super::{Script, refused};
use crate::cluster::Target;
use crate::exit::Failure;
use crate::recipe_file::RecipeFile;
use crate::terminal;

/// The comment of the job that is only asked about.
const KEY: &str = "hpcbench:test-only";

/// Asks whether Slurm would take the job, and when it would start.
///
/// # Errors
/// There is no sbatch, or Slurm refuses the job.
pub(super) fn run(target: &Target, recipe: &RecipeFile) -> anyhow::Result<ExitCode> {
    let place = tempfile::tempdir().context("failed to create a temporary directory")?;
    let script = Script::new(target, place.path(), KEY, None)?;
    let path = place.path().join("job.sh");
    std::fs::File::create(&path)
        .and_then(|mut file| file.write_all(script.text.as_bytes()))
        .with_context(|| format!("failed to write {}", path.display()))?;
    let estimate = match Slurm::on_path().estimate(&target.layout, script.command(), &path) {
        Ok(estimate) => estimate,
        Err(SubmitError::Refused(refusal)) => return Err(refused(&refusal, recipe).into()),
        Err(error) => {
            return Err(
                anyhow::Error::from(error).context(Failure::Environment("sbatch cannot be asked".to_owned()))
            );
        }
    };
    let layout = &target.layout;
    let (nodes, hours) = (layout.node_count(), layout.node_hours());
    let when = match estimate.start {
        Some(start) => format!(
            "it would start at {}",
            Timestamp::from_micros(start.seconds() * 1_000_000)
        ),
        None if estimate.message.is_empty() => "Slurm does not say when it would start".to_owned(),
        None => format!("Slurm says: {}", estimate.message),
    };
    terminal::print(&format!(
        "Slurm would take the job: {nodes} nodes for {}, {hours:.1} node-hours at most; {when}\n",
        layout.time_limit
    ))?;
    for part in &estimate.parts {
        let partition = part.partition.as_deref().unwrap_or("?");
        terminal::print(&format!("  partition {partition}: {}\n", part.hosts.join(", ")))?;
    }
    Ok(ExitCode::SUCCESS)
}
