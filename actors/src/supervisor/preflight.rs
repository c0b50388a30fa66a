//! What is looked at before an instance starts, inside of its image if it has one: whether the node's GPUs are seen there and
//! their driver is new enough, and what the kind of service wants to know of its programs.

use std::path::Path;

use hpcbench_services::{LaunchCommand, PREFLIGHT_PATIENCE};

use super::instance::Instance;
use crate::shell::describe;

/// The driver's own program, which Apptainer shows inside of an image with the driver.
const NVIDIA_SMI: &str = "nvidia-smi";
/// Prints the driver's version, and little of each GPU.
const LIST: [&str; 3] = ["-q", "-d", "COMPUTE"];
/// Prints a variable's value.
const PRINTENV: &str = "printenv";
/// The variable by which images for NVIDIA's GPUs tell the CUDA that they were made for.
const CUDA_VARIABLE: &str = "CUDA_VERSION";

/// Nobody has looked.
const NOT_LOOKED: &str =
    "whether its container sees the node's GPUs was not looked at: the node has no nvidia-smi on its PATH";

/// What a command is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Which GPUs are seen.
    Gpus,
    /// Which CUDA the image was made for.
    Cuda,
    /// What the kind of service asks for.
    Programs,
}

impl Instance {
    /// The commands to look with, which may fill the directory `scratch`.
    pub(super) fn looks(&self, scratch: &Path) -> Result<Vec<(Look, LaunchCommand)>, String> {
        let plan = &self.plan;
        let programs = self.service.preflight(plan, scratch);
        let programs = programs.map_err(|error| describe(&error))?;
        let programs = programs.map(|command| (Look::Programs, command));
        let sees_gpus =
            plan.image.is_some() && !whole(&self.context.resources.gpus).is_empty() && is_on_path(NVIDIA_SMI);
        let gpus = sees_gpus.then(|| {
            [
                (Look::Gpus, LaunchCommand::tool(NVIDIA_SMI, &LIST, plan)),
                (Look::Cuda, LaunchCommand::tool(PRINTENV, &[CUDA_VARIABLE], plan)),
            ]
        });
        Ok(gpus.into_iter().flatten().chain(programs).collect())
    }

    /// Looks with them, and says what is wrong; what only is to be known is returned.
    pub(super) async fn look(
        &self,
        looks: impl Iterator<Item = (Look, LaunchCommand)>,
    ) -> Result<Vec<String>, String> {
        let gpus = whole(&self.context.resources.gpus).len();
        let mut remarks = Vec::new();
        if self.plan.image.is_some() && gpus > 0 && !is_on_path(NVIDIA_SMI) {
            remarks.push(NOT_LOOKED.to_owned());
        }
        let mut driver = None;
        for (look, command) in looks {
            let printed = self.processes.print(&command, PREFLIGHT_PATIENCE).await;
            match look {
                Look::Gpus => {
                    let printed = printed
                        .map_err(|problem| format!("the GPUs cannot be used in its container: {problem}"))?;
                    let seen = Seen::read(&printed);
                    seen.enough(gpus)?;
                    tracing::info!(
                        gpus = seen.gpus,
                        driver = seen.driver,
                        "the GPUs are seen in the container"
                    );
                    driver = seen.cuda;
                }
                // Most images without CUDA have no such variable.
                Look::Cuda => {
                    if let (Some(driver), Ok(image)) = (&driver, printed)
                        && is_older(driver, image.trim())
                    {
                        remarks.push(format!(
                            "the driver knows CUDA up to {driver}, and the image was made for {}: it starts only if it has \
                             NVIDIA's compatibility libraries",
                            image.trim()
                        ));
                    }
                }
                Look::Programs => self.service.judge_preflight(&self.plan, &printed?)?,
            }
        }
        for remark in &remarks {
            tracing::warn!(instance = %self.order.id, "{remark}");
        }
        Ok(remarks)
    }
}

/// Those GPUs that are not parts of others, which are not listed.
fn whole(gpus: &[String]) -> Vec<&String> {
    gpus.iter().filter(|gpu| !gpu.starts_with("MIG-")).collect()
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// What the driver's program has printed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    gpus: usize,
    driver: Option<String>,
    /// The newest CUDA that the driver knows.
    cuda: Option<String>,
}

impl Seen {
    fn read(printed: &str) -> Self {
        let value = |key: &str| {
            let mut fields = printed.lines().filter_map(|line| line.split_once(':'));
            let (_, value) = fields.find(|(found, _)| found.trim() == key)?;
            Some(value.trim().to_owned())
        };
        Self {
            // What is told of a GPU is indented below its line.
            gpus: printed.lines().filter(|line| line.starts_with("GPU ")).count(),
            driver: value("Driver Version"),
            cuda: value("CUDA Version"),
        }
    }

    fn enough(&self, wanted: usize) -> Result<(), String> {
        if self.gpus >= wanted {
            return Ok(());
        }
        Err(format!(
            "its container sees {} of the node's {wanted} GPUs: look at `nvidia-smi` inside of the image",
            self.gpus
        ))
    }
}

/// Whether the first number of a driver's CUDA is less than an image's: within one, older drivers do.
fn is_older(driver: &str, image: &str) -> bool {
    let major = |version: &str| version.split('.').next()?.parse::<u32>().ok();
    matches!((major(driver), major(image)), (Some(driver), Some(image)) if driver < image)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\n\
        ==============NVSMI LOG==============\n\n\
        Timestamp                                 : Sat Nov 28 21:00:00 2026\n\
        Driver Version                            : 535.104.05\n\
        CUDA Version                              : 12.2\n\n\
        Attached GPUs                             : 2\n\
        GPU 00000000:07:00.0\n    Compute Mode                          : Default\n\n\
        GPU 00000000:0F:00.0\n    Compute Mode                          : Default\n";

    #[test]
    fn what_the_driver_prints_is_read() {
        let seen = Seen::read(PRINTED);
        assert_eq!((seen.gpus, seen.cuda.as_deref()), (2, Some("12.2")));
        assert_eq!(seen.driver.as_deref(), Some("535.104.05"));
        assert_eq!(Seen::read("No devices were found\n"), Seen::default());
    }

    #[test]
    fn a_container_that_sees_too_few_gpus_is_refused() {
        let seen = Seen::read(PRINTED);
        assert_eq!(seen.enough(2), Ok(()));
        assert!(
            seen.enough(4)
                .unwrap_err()
                .contains("sees 2 of the node's 4 GPUs")
        );
    }

    #[test]
    fn parts_of_gpus_are_not_counted() {
        let gpus = ["MIG-1f".to_owned(), "GPU-1f".to_owned(), "0".to_owned()];
        assert_eq!(whole(&gpus).len(), 2);
    }

    #[test]
    fn a_driver_is_too_old_by_its_first_number() {
        assert!(is_older("11.8", "12.4.1"));
        assert!(!is_older("12.2", "12.8.0") && !is_older("13.0", "12.8.0"));
        assert!(!is_older("12.2", "") && !is_older("N/A", "12.8.0"));
    }
}
