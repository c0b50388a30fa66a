//! Steps: how srun starts a node's agent.

use std::ffi::OsString;

use crate::allocation::{Allocation, Placed};
use crate::sbatch::gpu_argument;

/// Variables through which srun takes options from the job or from the shell around it. Job scripts unset them; whoever
/// starts steps without one (`hpcbench run` in an allocation) takes them out of the steps' environment.
///
/// `SLURM_CPUS_PER_TASK` is ignored by srun in 22.05 to 23.02 and counts in later versions; `SLURM_GPUS_PER_NODE` would
/// give GPUs to steps that are to have none.
pub const INHERITED_OPTIONS: &[&str] = &[
    "SLURM_CONSTRAINT",
    "SLURM_CPUS_PER_GPU",
    "SLURM_CPUS_PER_TASK",
    "SLURM_CPU_BIND",
    "SLURM_CPU_BIND_LIST",
    "SLURM_CPU_BIND_TYPE",
    "SLURM_CPU_BIND_VERBOSE",
    "SLURM_DISTRIBUTION",
    "SLURM_EXACT",
    "SLURM_EXCLUSIVE",
    "SLURM_GPUS",
    "SLURM_GPUS_PER_NODE",
    "SLURM_GPUS_PER_SOCKET",
    "SLURM_GPUS_PER_TASK",
    "SLURM_GPU_BIND",
    "SLURM_GPU_FREQ",
    "SLURM_GRES",
    "SLURM_HINT",
    "SLURM_LABELIO",
    "SLURM_MEM_BIND",
    "SLURM_MEM_BIND_LIST",
    "SLURM_MEM_BIND_TYPE",
    "SLURM_MEM_PER_CPU",
    "SLURM_MEM_PER_GPU",
    "SLURM_MEM_PER_NODE",
    "SLURM_NPROCS",
    "SLURM_NTASKS",
    "SLURM_NTASKS_PER_CORE",
    "SLURM_NTASKS_PER_GPU",
    "SLURM_NTASKS_PER_NODE",
    "SLURM_NTASKS_PER_SOCKET",
    "SLURM_OPEN_MODE",
    "SLURM_STDERRMODE",
    "SLURM_STDINMODE",
    "SLURM_STDOUTMODE",
    "SLURM_STEP_GRES",
    "SLURM_THREADS",
    "SLURM_THREADS_PER_CORE",
    "SLURM_TIMELIMIT",
    "SLURM_TRES_PER_TASK",
    "SLURM_UNBUFFEREDIO",
    "SRUN_CPUS_PER_TASK",
    "SRUN_EXPORT_ENV",
];

/// The arguments, `srun` among them, that start a node's agent as a step on the node's host; the step is named after the node. The
/// program and its arguments come behind them.
///
/// Steps overlap: they share what the job has on a host, and none waits for another. A step that fails or whose host is
/// lost ends no other. Output is passed on line by line; `--unbuffered` would put a terminal in between.
pub fn srun_argv(allocation: &Allocation, placed: &Placed) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["srun".into(), format!("--job-name={}", placed.node).into()];
    if allocation.is_heterogeneous() {
        arguments.push(format!("--het-group={}", placed.component).into());
    }
    let place = ["-N1", "-n1", "-w", &placed.host, "--overlap"];
    arguments.extend(place.map(OsString::from));
    if let Some(cpus) = placed.cpus {
        arguments.extend([OsString::from("-c"), cpus.to_string().into()]);
    }
    let manner = [
        "--cpu-bind=none",
        "--mem=0",
        "--mpi=none",
        "--input=none",
        "--wait=0",
        "--kill-on-bad-exit=0",
        "--no-kill",
    ];
    arguments.extend(manner.map(OsString::from));
    match &placed.gpus {
        Some(gpus) => arguments.extend(gpu_argument(placed.gpu_request, gpus)),
        None => arguments.push("--gres=none".into()),
    }
    arguments
}
