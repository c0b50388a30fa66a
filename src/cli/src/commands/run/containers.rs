//! What a run's containers need: it has to be there before anything is created, and before a job waits in a queue.

use std::path::Path;

use anyhow::Context;
use hpcbench_apptainer::{Apptainer, ApptainerError, Bind, Image};
use hpcbench_recipes::Plan;
use hpcbench_recipes::recipe::LaunchMode;

use crate::exit::Failure;

/// Apptainer's version, where the plan has containers. A job's nodes may have it where this one has not.
///
/// # Errors
/// An image or Apptainer is missing, or a bind cannot be passed to it.
pub(super) fn version(plan: &Plan) -> anyhow::Result<Option<String>> {
    let contained = || plan.services.iter().filter(|service| service.image.is_some());
    for bind in contained().flat_map(|service| &service.binds) {
        Bind::parse(bind).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    for image in contained().filter_map(|service| service.image.as_ref()) {
        Image::look(Path::new(&image.path)).map_err(|error| Failure::Environment(error.to_string()))?;
    }
    let of_clients = plan.resources.clients.image.as_ref();
    if let Some(image) = of_clients {
        Image::look(Path::new(image)).map_err(|error| Failure::Environment(error.to_string()))?;
    }
    if contained().next().is_none() && of_clients.is_none() {
        return Ok(None);
    }
    match Apptainer::find() {
        Ok(found) => Ok(Some(found.version)),
        Err(ApptainerError::Missing) if plan.launch.mode == LaunchMode::Slurm => Ok(None),
        Err(error) => Err(error).context("the recipe's services run in containers"),
    }
}
