//! What this process may use of its node.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// Where control groups are.
const CGROUPS: &str = "/sys/fs/cgroup";
/// Where the system tells of its processors.
const PROCESSORS: &str = "/sys/devices/system/cpu";
/// Values above this are how version 1 of control groups says that there is no limit; nothing has so much.
const NO_LIMIT: u64 = 1 << 60;
/// Where the system lists a GPU's device as `nvidia0`.
const DEVICES: &str = "/dev";
/// The variable that a batch system restricts the GPUs with.
const CUDA_DEVICES: &str = "CUDA_VISIBLE_DEVICES";

/// What this process may use of its node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeResources {
    /// Processors, by number.
    pub cpus: Vec<usize>,
    /// The same by the cores that they are threads of; cores of a package are neighbours.
    pub cores: Vec<Vec<usize>>,
    /// Bytes that the control group may take, where it has a limit.
    pub memory_limit: Option<u64>,
    /// Bytes that there are.
    pub memory: u64,
    /// GPUs, as CUDA names them: numbers, or ids that begin with `GPU-` or `MIG-`.
    pub gpus: Vec<String>,
    /// Files that may be open at once.
    pub open_files: u64,
    /// Bytes that may be kept from being swapped out, as network cards want it; none: as many as there are.
    pub locked_memory: Option<u64>,
}

impl NodeResources {
    /// What this process may use now.
    pub fn gather() -> Self {
        let visible = std::env::var(CUDA_DEVICES).ok();
        let cpus = cpus();
        Self {
            cores: cores(&cpus, Path::new(PROCESSORS)),
            cpus,
            memory_limit: memory_limit(),
            memory: memory_bytes().unwrap_or(0),
            gpus: visible.map_or_else(gpu_devices, |visible| listed_gpus(&visible)),
            open_files: getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft),
            locked_memory: locked_memory(),
        }
    }

    /// The processors as the kernel lists them: `0-3,8`.
    pub fn cpu_list(&self) -> String {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for &cpu in &self.cpus {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == cpu => *last = cpu,
                _ => ranges.push((cpu, cpu)),
            }
        }
        let shown = ranges.into_iter().map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        });
        shown.collect::<Vec<_>>().join(",")
    }
}

/// Lets this process and what it starts open as many files as the system allows: a login shell's limit is often 1,024.
pub fn raise_open_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(%error, soft, hard, "the limit of open files cannot be raised");
    }
}

fn locked_memory() -> Option<u64> {
    let (soft, _) = getrlimit(Resource::RLIMIT_MEMLOCK).ok()?;
    (soft != RLIM_INFINITY).then_some(soft)
}

fn cpus() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else {
        return Vec::new();
    };
    (0..CpuSet::count())
        .filter(|cpu| set.is_set(*cpu) == Ok(true))
        .collect()
}

/// Processors by the cores that they are threads of, as a directory like [`PROCESSORS`] says; one that it says nothing of counts as
/// a core.
fn cores(cpus: &[usize], processors: &Path) -> Vec<Vec<usize>> {
    let told = |cpu: usize, what: &str| {
        let file = processors.join(format!("cpu{cpu}/topology/{what}"));
        let told = fs::read_to_string(file).ok()?;
        Some(told.trim().to_owned())
    };
    let mut cores: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &cpu in cpus {
        let siblings = told(cpu, "thread_siblings_list").unwrap_or_else(|| cpu.to_string());
        cores.entry(siblings).or_default().push(cpu);
    }
    let package = |core: &Vec<usize>| -> Option<u32> {
        let first = core.first()?;
        told(*first, "physical_package_id")?.parse().ok()
    };
    let mut cores: Vec<Vec<usize>> = cores.into_values().collect();
    cores.sort_by_cached_key(|core| (package(core), core.first().copied()));
    cores
}

/// The GPUs of `CUDA_VISIBLE_DEVICES`. As for CUDA, the first entry that names none ends the list: `-1`, `NoDevFiles`.
fn listed_gpus(visible: &str) -> Vec<String> {
    let names = visible.split(',').map(str::trim);
    let is_gpu = |name: &&str| {
        name.starts_with("GPU-")
            || name.starts_with("MIG-")
            || (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()))
    };
    names.take_while(is_gpu).map(ToOwned::to_owned).collect()
}

fn gpu_devices() -> Vec<String> {
    let entries = fs::read_dir(DEVICES).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("nvidia")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers.iter().map(ToString::to_string).collect()
}

/// The least limit of the control group and those above it.
fn memory_limit() -> Option<u64> {
    let listed = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let (group, limit) = groups(&listed);
    let levels = group.ancestors().take_while(|path| path.starts_with(CGROUPS));
    levels
        .filter_map(|path| fs::read_to_string(path.join(limit)).ok()?.trim().parse().ok())
        .filter(|limit| *limit < NO_LIMIT)
        .min()
}

/// The folder that has the memory's limits, and their file: of version 1 if its memory controller is in use, else of 2.
fn groups(listed: &str) -> (PathBuf, &'static str) {
    let version_1 = listed.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let is_memory = controllers.split(',').any(|name| name == "memory");
        is_memory.then(|| path.trim_start_matches('/'))
    });
    if let Some(own) = version_1 {
        return (
            Path::new(CGROUPS).join("memory").join(own),
            "memory.limit_in_bytes",
        );
    }
    let version_2 = listed.lines().find_map(|line| line.strip_prefix("0::/"));
    (
        Path::new(CGROUPS).join(version_2.unwrap_or_default()),
        "memory.max",
    )
}

fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib = line.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cudas_list_as_cuda_does() {
        assert_eq!(listed_gpus("0,2"), ["0", "2"]);
        assert_eq!(listed_gpus("GPU-1f, MIG-7"), ["GPU-1f", "MIG-7"]);
        for none in ["", "-1", "NoDevFiles", ",0"] {
            assert!(listed_gpus(none).is_empty(), "{none}");
        }
        assert_eq!(listed_gpus("1,-1,2"), ["1"]);
    }

    #[test]
    fn lists_processors_as_the_kernel_does() {
        let with = |cpus: &[usize]| NodeResources {
            cpus: cpus.to_vec(),
            ..NodeResources::default()
        };
        assert_eq!(with(&[0, 1, 2, 3, 8]).cpu_list(), "0-3,8");
        assert_eq!(with(&[5]).cpu_list(), "5");
        assert_eq!(with(&[]).cpu_list(), "");
    }

    #[test]
    fn threads_of_a_core_are_told_together() {
        let tree = tempfile::tempdir().unwrap();
        // Two packages with two cores each, numbered as Linux does: the second threads after all first ones.
        for cpu in 0..8 {
            let topology = tree.path().join(format!("cpu{cpu}/topology"));
            fs::create_dir_all(&topology).unwrap();
            let core = cpu % 4;
            fs::write(
                topology.join("thread_siblings_list"),
                format!("{core},{}\n", core + 4),
            )
            .unwrap();
            fs::write(topology.join("physical_package_id"), format!("{}\n", core % 2)).unwrap();
        }
        let all: Vec<usize> = (0..8).collect();
        assert_eq!(cores(&all, tree.path()), [[0, 4], [2, 6], [1, 5], [3, 7]]);
        // What may not be used is not told.
        assert_eq!(cores(&[0, 1, 4], tree.path()), [vec![0, 4], vec![1]]);
        let nowhere = tree.path().join("nowhere");
        assert_eq!(cores(&[2, 10], &nowhere), [[2], [10]]);
    }

    #[test]
    fn finds_the_control_group_of_either_version() {
        let (path, file) = groups("0::/slurm/job_7/step_0\n");
        assert_eq!(path, Path::new("/sys/fs/cgroup/slurm/job_7/step_0"));
        assert_eq!(file, "memory.max");
        let (path, file) = groups("9:cpu,cpuacct:/a\n4:memory:/slurm/uid_1/job_7\n0::/\n");
        assert_eq!(path, Path::new("/sys/fs/cgroup/memory/slurm/uid_1/job_7"));
        assert_eq!(file, "memory.limit_in_bytes");
    }

    #[test]
    fn this_process_may_use_something() {
        raise_open_files();
        let own = NodeResources::gather();
        assert!(
            !own.cpus.is_empty() && own.memory > 0 && own.open_files > 0,
            "{own:?}"
        );
    }
}
