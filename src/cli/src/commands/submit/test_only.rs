//! Asking Slurm without submitting anything.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use hpcbench_core::Timestamp;
use hpcbench_recipes::Code;
use hpcbench_slurm::{Estimate, RecipePath, Slurm, SubmitError};

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
/// There is no sbatch, or Slurm refuses the job. `at` is the place in the recipe that is known to cause that, if one is.
fn estimate(target: &Target, recipe: &RecipeFile, at: Option<&RecipePath>) -> anyhow::Result<Estimate> {
    let place = tempfile::tempdir().context("failed to create a temporary directory")?;
    let script = Script::new(target, place.path(), KEY, None)?;
    let path = place.path().join("job.sh");
    std::fs::File::create(&path)
        .and_then(|mut file| file.write_all(script.text.as_bytes()))
        .with_context(|| format!("failed to write {}", path.display()))?;
    match Slurm::on_path().estimate(&target.layout, script.command(), &path) {
        Ok(estimate) => Ok(estimate),
        Err(SubmitError::Refused(refusal)) => Err(refused(&refusal, recipe, at).into()),
        Err(error) => {
            Err(anyhow::Error::from(error).context(Failure::Environment("sbatch cannot be asked".to_owned())))
        }
    }
}

/// Refuses a job that its partitions have no room for, however long it waits. Many clusters accept such jobs; where this one does
/// not, it says so in its own words.
///
/// # Errors
/// The job can never run.
pub(super) fn refuse_misfit(target: &Target, recipe: &RecipeFile) -> anyhow::Result<()> {
    // Where Slurm does not tell how large its partitions are, it judges by itself.
    let Ok(Some(misfit)) = Slurm::on_path().misfit(&target.layout) else {
        return Ok(());
    };
    estimate(target, recipe, Some(&misfit.path))?;
    let message = format!("the job would wait for ever: {misfit}");
    // Only shown: the recipe may be right, and the cluster another one.
    let _ = recipe.refuse(misfit.path.as_str(), Code::Cluster, &message);
    Err(Failure::Environment(message).into())
}

/// Says whether Slurm would take the job, and when it would start.
///
/// # Errors
/// There is no sbatch, or Slurm refuses the job.
pub(super) fn run(target: &Target, recipe: &RecipeFile) -> anyhow::Result<ExitCode> {
    let estimate = estimate(target, recipe, None)?;
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
    for part in estimate.parts.iter().filter(|part| !part.hosts.is_empty()) {
        let partition = part.partition.as_deref().unwrap_or("?");
        terminal::print(&format!("  partition {partition}: {}\n", part.hosts.join(", ")))?;
    }
    Ok(ExitCode::SUCCESS)
}
