//! Client agents inside of an image.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hpcbench_apptainer::{Access, Apptainer, Bind, BindError, Image, exec_argv};
use hpcbench_core::Role;
use hpcbench_recipes::Plan;
use hpcbench_recipes::plan::SecretSource;
use hpcbench_recipes::recipe::{Load, Prompts};

use crate::process::Spawner;
use crate::shell::describe;

/// What is put before an agent's own command line so that it runs in the recipe's image; empty where it is to run as it is.
/// `scratch` is where it puts what is not for the run directory.
///
/// # Errors
/// There is no such image or no Apptainer, or a path cannot be shown inside.
pub(super) fn words(
    plan: &Plan,
    role: Role,
    spawner: &Spawner,
    scratch: &Path,
) -> Result<Vec<OsString>, String> {
    let Some(image) = plan
        .resources
        .clients
        .image
        .as_ref()
        .filter(|_| role == Role::Client)
    else {
        return Ok(Vec::new());
    };
    let image = PathBuf::from(image);
    Image::look(&image).map_err(|error| describe(&error))?;
    let apptainer = Apptainer::find().map_err(|error| describe(&error))?;
    let here = std::env::current_dir().map_err(|error| describe(&error))?;
    let run_dir = std::path::absolute(spawner.run_dir()).map_err(|error| describe(&error))?;
    // This very program: an image need not have it, and certainly not this version.
    let read = std::iter::once(spawner.hpcbench().to_path_buf()).chain(inputs(plan));
    let binds = binds(read, [&run_dir, &here, scratch]).map_err(|error| describe(&error))?;
    Ok(exec_argv(&apptainer.program, &image, &here, &binds))
}

/// The files that clients read: secrets, prompts, traces and tokenizers. One that is not there is missed by who needs it.
fn inputs(plan: &Plan) -> impl Iterator<Item = PathBuf> {
    let secrets = plan.services.iter().flat_map(|service| service.secrets.values());
    let secrets = secrets.filter_map(|source| match source {
        SecretSource::File(path) => Some(path.clone()),
        SecretSource::Variable(_) => None,
    });
    let read = plan.workloads().flat_map(|workload| {
        let prompts = match &workload.prompts {
            Prompts::File { path, .. } => Some(PathBuf::from(path)),
            Prompts::Synthetic { .. } => None,
        };
        let trace = match &workload.load {
            Load::Trace { path, .. } => Some(PathBuf::from(path)),
            _ => None,
        };
        let tokenizer = workload.prompts.tokenizer().map(PathBuf::from);
        prompts.into_iter().chain(trace).chain(tokenizer)
    });
    let all: BTreeSet<PathBuf> = secrets.chain(read).filter(|path| path.exists()).collect();
    all.into_iter()
}

fn binds(read: impl Iterator<Item = PathBuf>, used: [&Path; 3]) -> Result<Vec<Bind>, BindError> {
    let mut binds = read
        .map(|path| Bind::same(&path, Access::ReadOnly))
        .collect::<Result<Vec<_>, _>>()?;
    for path in used {
        let bind = Bind::same(path, Access::ReadWrite)?;
        if !binds.contains(&bind) {
            binds.push(bind);
        }
    }
    Ok(binds)
}
