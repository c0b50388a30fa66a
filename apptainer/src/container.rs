//! A command, turned into one that runs inside a container.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use hpcbench_services::LaunchCommand;

use crate::bind::{Access, Bind, BindError};
use crate::environment::{FOR_APPTAINER, defaults, inside, is_about_proxies};

/// The container's home, below the scratch directory, unless the command has its own there.
const HOME: &str = "home";
/// The variable that names a home.
const HOME_VARIABLE: &str = "HOME";
/// What the container sees as `/tmp` and `/var/tmp`, below the scratch directory.
const TMP: &str = "tmp";
/// Where Apptainer unpacks an image that it cannot mount, below the scratch directory.
const UNPACKED: &str = "apptainer";
/// The container's directories for temporary files.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
/// The host's shared memory: processes of one service pass tensors through it.
const SHARED_MEMORY: &str = "/dev/shm";

/// A container that one command runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The program `apptainer`, an absolute path.
    pub apptainer: PathBuf,
    /// A `.sif` file or a sandbox directory, an absolute path.
    pub image: PathBuf,
    /// A directory on the node's disk, absolute, that is this command's alone. It is seen inside at the same path; home,
    /// `/tmp` and all caches are below it.
    pub scratch: PathBuf,
    /// Whether the node's GPUs are to be seen inside.
    pub gpus: bool,
    /// What else of the host is to be seen inside.
    pub binds: Vec<Bind>,
    /// Variables of the node that are passed on, as [`allowed_variables`](crate::allowed_variables) finds them.
    pub variables: BTreeMap<String, OsString>,
}

/// A command that cannot be run in a container.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// A directory cannot be shown.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The home is to be outside of the scratch directory.
    #[error("HOME of a container cannot be {}: it is a directory of the run", .0.display())]
    Home(PathBuf),
}

/// The command that runs `command` inside the container.
///
/// `--containall` is not used: its `/tmp` and home have 64 MiB, which compile caches and Ray overrun. `--no-eval` is: without
/// it Apptainer's shell expands `$(…)` in values of variables.
///
/// # Errors
/// A path cannot be passed to Apptainer, or a variable not be set.
pub fn exec(command: LaunchCommand, container: &Container) -> Result<LaunchCommand, ContainerError> {
    let mut arguments: Vec<OsString> = [
        "exec",
        "--cleanenv",
        "--no-eval",
        "--no-home",
        "--no-mount",
        "cwd,tmp",
        "--writable-tmpfs",
    ]
    .map(OsString::from)
    .to_vec();
    if container.gpus {
        arguments.push("--nv".into());
    }
    let home = home(&command, container)?;
    arguments.extend(["--home".into(), home.clone().into_os_string()]);
    arguments.extend(["--pwd".into(), container.scratch.clone().into_os_string()]);
    for bind in binds(&command, container)? {
        arguments.extend(["--bind".into(), bind.argument()]);
    }
    arguments.push(container.image.clone().into_os_string());
    arguments.push(command.program.into_os_string());
    arguments.extend(command.arguments);
    let (secrets, tokens) = (command.secrets.iter(), command.tokens.iter());
    Ok(LaunchCommand {
        program: container.apptainer.clone(),
        arguments,
        inherited: FOR_APPTAINER.to_vec(),
        secrets: secrets
            .map(|(name, source)| (inside(name), source.clone()))
            .collect(),
        tokens: tokens.map(|(name, token)| (inside(name), *token)).collect(),
        environment: environment(command.environment, container, &home),
        paths: Vec::new(),
    })
}

/// The words that run a program of this machine inside of an image, with these parts of the machine and of the environment only
/// what is set for the [`inside`]; the program and its arguments follow them.
pub fn exec_argv(apptainer: &Path, image: &Path, directory: &Path, binds: &[Bind]) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec![apptainer.into()];
    let manner = [
        "exec",
        "--cleanenv",
        "--no-eval",
        "--no-home",
        "--no-mount",
        "cwd",
    ];
    words.extend(manner.map(OsString::from));
    words.extend(["--pwd".into(), directory.into()]);
    for bind in binds {
        words.extend(["--bind".into(), bind.argument()]);
    }
    words.push(image.into());
    words
}

/// Where the container's home is. Apptainer does not take it from a variable.
fn home(command: &LaunchCommand, container: &Container) -> Result<PathBuf, ContainerError> {
    match command.environment.get(HOME_VARIABLE).map(PathBuf::from) {
        None => Ok(container.scratch.join(HOME)),
        Some(wanted) if wanted.starts_with(&container.scratch) => Ok(wanted),
        Some(wanted) => Err(ContainerError::Home(wanted)),
    }
}

fn environment(
    wanted: BTreeMap<String, OsString>,
    container: &Container,
    home: &Path,
) -> BTreeMap<String, OsString> {
    let mut variables = defaults(home);
    if wanted.keys().any(|name| is_about_proxies(name)) {
        variables.retain(|name, _| !is_about_proxies(name));
    }
    variables.extend(container.variables.clone());
    variables.extend(wanted);
    variables.remove(HOME_VARIABLE);
    let mut environment: BTreeMap<String, OsString> = variables
        .into_iter()
        .map(|(name, value)| (inside(&name), value))
        .collect();
    let unpacked = container.scratch.join(UNPACKED);
    environment.insert("APPTAINER_TMPDIR".to_owned(), unpacked.into_os_string());
    environment
}

/// In the order in which they are mounted: a later one may lie on an earlier one.
fn binds(command: &LaunchCommand, container: &Container) -> Result<Vec<Bind>, BindError> {
    let tmp = container.scratch.join(TMP);
    let temporary = TEMPORARY.map(|place| Bind::new(&tmp, Path::new(place), Access::ReadWrite));
    let mut binds = temporary.into_iter().collect::<Result<Vec<_>, _>>()?;
    binds.push(Bind::same(Path::new(SHARED_MEMORY), Access::ReadWrite)?);
    binds.extend(container.binds.iter().cloned());
    for path in &command.paths {
        // The recipe may show something else there.
        if container
            .binds
            .iter()
            .any(|bind| path.path.starts_with(bind.target()))
        {
            continue;
        }
        let access = if path.writable {
            Access::ReadWrite
        } else {
            Access::ReadOnly
        };
        binds.push(Bind::same(&path.path, access)?);
    }
    binds.push(Bind::same(&container.scratch, Access::ReadWrite)?);
    Ok(binds)
}

/// Creates the directories that home, `/tmp` and caches of the command's container are, for their owner alone.
///
/// What is to be seen somewhere below `/tmp` gets a mount point there: Apptainer makes those of the image, but none inside of a
/// directory that was mounted before.
///
/// # Errors
/// The disk refuses.
pub fn prepare(command: &LaunchCommand, container: &Container) -> io::Result<()> {
    for name in [HOME, TMP, UNPACKED] {
        private_dir(&container.scratch.join(name))?;
    }
    for bind in binds(command, container).map_err(io::Error::other)? {
        let Some(point) = mount_point(&container.scratch, bind.target()) else {
            continue;
        };
        if fs::metadata(bind.source()).is_ok_and(|source| source.is_dir()) {
            private_dir(&point)?;
        } else if let Some(parent) = point.parent() {
            private_dir(parent)?;
            OpenOptions::new().create(true).append(true).open(&point)?;
        }
    }
    Ok(())
}

/// Where on the host the mount point of `target` is, if it is below the container's temporary files.
fn mount_point(scratch: &Path, target: &Path) -> Option<PathBuf> {
    let below = TEMPORARY
        .iter()
        .find_map(|place| target.strip_prefix(place).ok())?;
    (below != Path::new("")).then(|| scratch.join(TMP).join(below))
}

fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests;
