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

/// Commands as they are started, inside of the plan's image if it has one, and that image. `scratch` is the instance's own
/// directory.
pub(super) async fn contain(
    context: &AgentContext,
    plan: &ServicePlan,
    scratch: &Path,
    commands: Vec<LaunchCommand>,
) -> Result<(Vec<LaunchCommand>, Option<ServiceImage>), String> {
    let Some(image) = &plan.image else {
        return Ok((commands, None));
    };
    let binds = plan.binds.iter().map(|text| Bind::parse(text));
    let binds: Vec<Bind> = binds
        .collect::<Result<_, _>>()
        .map_err(|error| describe(&error))?;
    let mut variables = allowed_variables(env::vars_os());
    // `--cleanenv` would take the mark from the service's processes, by which a successor finds what is left of a run.
    variables.insert(RUN_VARIABLE.to_owned(), run_mark(context.spawner.run_dir()));
    let staging = if context.plan.storage.stage_image {
        let folder = context.scratch.dir(IMAGES);
        Some(folder.map_err(|error| format!("failed to create the directory for images: {error}"))?)
    } else {
        None
    };
    let work = Work {
        image: PathBuf::from(&image.path),
        staging,
        hpcbench: context.spawner.hpcbench().to_path_buf(),
        commands,
        container: Container {
            apptainer: PathBuf::new(),
            image: PathBuf::new(),
            scratch: scratch.to_path_buf(),
            gpus: !context.resources.gpus.is_empty(),
            binds,
            variables,
        },
    };
    // An image of gigabytes is read, and copied perhaps.
    let contained = tokio::task::spawn_blocking(move || work.on_the_disk()).await;
    let (commands, image) = contained.map_err(|error| format!("a thread is gone: {error}"))??;
    tracing::info!(
        image = image.path,
        sha256 = image.sha256,
        "the image of the service"
    );
    Ok((commands, Some(image)))
}

/// What there is to do with the disk.
struct Work {
    image: PathBuf,
    /// Where the image is copied to, if it is.
    staging: Option<PathBuf>,
    hpcbench: PathBuf,
    commands: Vec<LaunchCommand>,
    /// Without program and image.
    container: Container,
}

impl Work {
    fn on_the_disk(self) -> Result<(Vec<LaunchCommand>, ServiceImage), String> {
        let Self {
            image,
            staging,
            hpcbench,
            commands,
            mut container,
        } = self;
        let apptainer = Apptainer::find().map_err(|error| describe(&error))?;
        tracing::info!(
            version = apptainer.version,
            "found {}",
            apptainer.program.display()
        );
        let image = Image::read(&image).map_err(|error| describe(&error))?;
        container.apptainer = apptainer.program;
        container.image = match staging {
            Some(folder) => stage(&image, &folder, LockTimes::default()).map_err(|error| describe(&error))?,
            None => image.path.clone(),
        };
        let contained = commands
            .into_iter()
            .map(|command| put_in(command, &hpcbench, &container));
        let contained = contained.collect::<Result<_, _>>()?;
        let reference = image.reference();
        let copy = (container.image != image.path).then(|| container.image.display().to_string());
        let image = ServiceImage {
            path: reference.path,
            sha256: reference.sha256,
            copy,
        };
        Ok((contained, image))
    }
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
