//! Client agents inside of an image.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hpcbench_apptainer::{Access, Apptainer, Bind, BindError, Image, exec_argv};
use hpcbench_core::Role;
use hpcbench_recipes::Plan;

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
    let binds = binds(spawner.hpcbench(), [&run_dir, &here, scratch]).map_err(|error| describe(&error))?;
    Ok(exec_argv(&apptainer.program, &image, &here, &binds))
}

fn binds(program: &Path, used: [&Path; 3]) -> Result<Vec<Bind>, BindError> {
    let mut binds = vec![Bind::same(program, Access::ReadOnly)?];
    for path in used {
        let bind = Bind::same(path, Access::ReadWrite)?;
        if !binds.contains(&bind) {
            binds.push(bind);
        }
    }
    Ok(binds)
}
