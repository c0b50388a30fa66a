//! A service's command inside of its image.

use std::env;
use std::path::{Path, PathBuf};

use hpcbench_apptainer::{
    Apptainer, Bind, Container, Image, LockTimes, allowed_variables, exec, prepare, stage,
};
use hpcbench_core::event::ServiceImage;
use hpcbench_recipes::ServicePlan;
use hpcbench_services::{HostPath, LaunchCommand};

use crate::agent::AgentContext;
use crate::process::{RUN_VARIABLE, run_mark};
use crate::shell::describe;

/// Copies of images on this node, below the run's scratch directory.
const IMAGES: &str = "images";

/// An image on this node, and the program that starts commands inside of it.
#[derive(Debug, Clone)]
pub(super) struct NodeImage {
    apptainer: PathBuf,
    /// The image itself, or its copy on this node's disk.
    file: PathBuf,
    /// As it is reported.
    pub(super) described: ServiceImage,
}

/// The plan's image, if it has one: read, and copied to this node's disk where the recipe wants that. Both may take minutes.
pub(super) async fn image(context: &AgentContext, plan: &ServicePlan) -> Result<Option<NodeImage>, String> {
    let Some(image) = &plan.image else {
        return Ok(None);
    };
    let folder = if context.plan.storage.stage_image {
        let folder = context.scratch.dir(IMAGES);
        Some(folder.map_err(|error| format!("failed to create the directory for images: {error}"))?)
    } else {
        None
    };
    let path = PathBuf::from(&image.path);
    let found = tokio::task::spawn_blocking(move || on_the_disk(&path, folder.as_deref())).await;
    let image = found.map_err(|error| format!("a thread is gone: {error}"))??;
    let ServiceImage { path, sha256, .. } = &image.described;
    tracing::info!(image = path, sha256, "the image of the service");
    Ok(Some(image))
}

/// `copies`: where the image is copied to, if it is.
fn on_the_disk(image: &Path, copies: Option<&Path>) -> Result<NodeImage, String> {
    let apptainer = Apptainer::find().map_err(|error| describe(&error))?;
    tracing::info!(
        version = apptainer.version,
        "found {}",
        apptainer.program.display()
    );
    let image = Image::read(image).map_err(|error| describe(&error))?;
    let file = match copies {
        Some(folder) => stage(&image, folder, LockTimes::default()).map_err(|error| describe(&error))?,
        None => image.path.clone(),
    };
    let reference = image.reference();
    let copy = (file != image.path).then(|| file.display().to_string());
    Ok(NodeImage {
        apptainer: apptainer.program,
        file,
        described: ServiceImage {
            path: reference.path,
            sha256: reference.sha256,
            copy,
        },
    })
}

/// Commands as they are started inside of an image. `scratch` is the instance's own directory.
pub(super) async fn contain(
    context: &AgentContext,
    plan: &ServicePlan,
    image: NodeImage,
    scratch: &Path,
    commands: Vec<LaunchCommand>,
) -> Result<Vec<LaunchCommand>, String> {
    let binds = plan.binds.iter().map(|text| Bind::parse(text));
    let binds: Vec<Bind> = binds
        .collect::<Result<_, _>>()
        .map_err(|error| describe(&error))?;
    let mut variables = allowed_variables(env::vars_os());
    // `--cleanenv` would take the mark from the service's processes, by which a successor finds what is left of a run.
    variables.insert(RUN_VARIABLE.to_owned(), run_mark(context.spawner.run_dir()));
    let container = Container {
        apptainer: image.apptainer,
        image: image.file,
        scratch: scratch.to_path_buf(),
        gpus: !context.resources.gpus.is_empty(),
        binds,
        variables,
    };
    let hpcbench = context.spawner.hpcbench().to_path_buf();
    // The paths that are shown may be anywhere.
    let work = move || {
        let commands = commands.into_iter();
        commands
            .map(|command| put_in(command, &hpcbench, &container))
            .collect()
    };
    let contained = tokio::task::spawn_blocking(work).await;
    contained.map_err(|error| format!("a thread is gone: {error}"))?
}

fn put_in(
    mut command: LaunchCommand,
    hpcbench: &Path,
    container: &Container,
) -> Result<LaunchCommand, String> {
    if command.program == hpcbench {
        // An image need not have this program, and certainly not this version.
        command.paths.push(HostPath {
            path: hpcbench.to_path_buf(),
            writable: false,
        });
    }
    // What the image itself has is not to be hidden, nor asked of the node.
    command.paths.retain(|used| used.path.exists());
    prepare(&command, container)
        .map_err(|error| format!("failed to prepare the container's directories: {error}"))?;
    exec(command, container).map_err(|error| describe(&error))
}
