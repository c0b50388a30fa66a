//! The options of sbatch: one list, for its arguments and for the job script.

use std::ffi::OsString;

use super::command::{JobCommand, Purpose};
use crate::layout::{Component, Gpus, Layout, Memory};
use crate::site::GpuRequest;

/// An option of sbatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opt {
    /// `--name` or `--name=value`.
    text: String,
}

impl Opt {
    fn flag(name: &str) -> Self {
        Self {
            text: format!("--{name}"),
        }
    }

    fn with(name: &str, value: impl std::fmt::Display) -> Self {
        Self {
            text: format!("--{name}={value}"),
        }
    }

    /// The option as one argument.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Its name, with the dashes.
    pub(super) fn name(&self) -> &str {
        self.text.split('=').next().unwrap_or_default()
    }

    /// Whether an `#SBATCH` line means the same as the argument. Slurm splits such lines at blanks and removes quotes,
    /// backslashes and comments.
    pub(super) fn is_plain(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._,:/@+=%[]-".contains(&byte);
        self.text.bytes().all(plain)
    }
}

/// The options of each component. All are stated for each: some would be handed down from one to the next, others not.
pub(super) fn options(layout: &Layout, command: &JobCommand) -> Vec<Vec<Opt>> {
    let components = layout.components.iter().enumerate();
    components
        .map(|(index, component)| {
            let mut options = what(layout, component);
            options.extend(how(layout, command));
            if index == 0 {
                options.push(Opt::with("output", command.output()));
            }
            options.extend(component.directives.iter().map(|directive| Opt {
                text: directive.value.clone(),
            }));
            options
        })
        .collect()
}

/// What the component consists of.
fn what(layout: &Layout, component: &Component) -> Vec<Opt> {
    let texts = [
        ("account", &component.account),
        ("partition", &component.partition),
        ("qos", &component.qos),
        ("reservation", &component.reservation),
        ("constraint", &component.constraint),
    ];
    let mut options = vec![Opt::with("job-name", &layout.job_name)];
    for (name, setting) in texts {
        options.extend(setting.iter().map(|setting| Opt::with(name, &setting.value)));
    }
    options.push(Opt::with("nodes", component.hosts.len()));
    options.push(Opt::with("ntasks-per-node", 1));
    options.extend(component.cpus.map(|cpus| Opt::with("cpus-per-task", cpus)));
    match component.memory {
        Memory::Unstated => {}
        Memory::All => options.push(Opt::with("mem", 0)),
        Memory::Mebibytes(mebibytes) => options.push(Opt::with("mem", format!("{mebibytes}M"))),
    }
    let gpus = component.gpus.as_ref();
    options.extend(gpus.and_then(|gpus| gpu_option(layout.gpu_request, gpus)));
    if component.exclusive {
        options.push(Opt::flag("exclusive"));
    }
    options.push(Opt::with("time", layout.time_limit));
    options
}

/// How the job is run.
fn how(layout: &Layout, command: &JobCommand) -> Vec<Opt> {
    let mut options = Vec::new();
    match command.purpose() {
        // Only the batch shell, which this program takes the place of.
        Purpose::Run => options.push(Opt::with("signal", format!("B:USR1@{}", layout.stop_before))),
        Purpose::Errand => {}
    }
    options.push(Opt::with("comment", command.key()));
    match command.purpose() {
        Purpose::Run => options.extend([Opt::flag("requeue"), Opt::flag("no-kill")]),
        Purpose::Errand => options.push(Opt::flag("no-requeue")),
    }
    options.extend([
        Opt::with("export", "NIL"),
        Opt::with("propagate", "NONE"),
        Opt::with("open-mode", "append"),
        Opt::with("chdir", command.directory()),
    ]);
    let after = command.predecessor();
    options.extend(after.map(|job| Opt::with("dependency", format!("afterany:{job}"))));
    options
}

/// How GPUs are asked for, of a job or of a step.
fn gpu_option(request: GpuRequest, gpus: &Gpus) -> Option<Opt> {
    let kind = gpus.kind.as_ref().map(|kind| format!("{}:", kind.value));
    let number = format!("{}{}", kind.unwrap_or_default(), gpus.count);
    match request {
        GpuRequest::Gres => Some(Opt::with("gres", format!("gpu:{number}"))),
        GpuRequest::GpusPerNode => Some(Opt::with("gpus-per-node", number)),
        GpuRequest::None => None,
    }
}

/// The same as an argument of srun.
pub(crate) fn gpu_argument(request: GpuRequest, gpus: &Gpus) -> Option<OsString> {
    gpu_option(request, gpus).map(|option| option.text.into())
}

/// The options of each component as arguments of sbatch, to be joined with `:`. See [`crate::Slurm::submit`].
pub fn sbatch_argv(layout: &Layout, command: &JobCommand) -> Vec<Vec<OsString>> {
    let components = options(layout, command).into_iter();
    components
        .map(|component| component.into_iter().map(|option| option.text.into()).collect())
        .collect()
}
