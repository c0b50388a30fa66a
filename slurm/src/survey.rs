//! What partitions a cluster has.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::programs::{ProgramError, Slurm};
use crate::table::Table;
use crate::time::TimeLimit;

/// How long sinfo may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What is asked of each partition; a line for each kind of node.
const TABLE: Table<7> = Table([
    ("Partition", 128),
    ("Available", 12),
    ("Nodes", 10),
    ("CPUs", 10),
    ("Memory", 16),
    ("Gres", 256),
    ("Time", 20),
]);

/// Most lines that are read.
const MAX_LINES: usize = 10_000;

/// A partition, as every user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// Whether jobs go there that name none.
    pub is_default: bool,
    /// Whether it takes jobs now.
    pub is_up: bool,
    /// How many nodes it has.
    pub nodes: usize,
    /// How many of these have GPUs that Slurm knows of.
    pub gpu_nodes: usize,
    /// CPUs of its largest node.
    pub cpus: u32,
    /// Memory of its largest node, MiB.
    pub mebibytes: u64,
    /// GPUs of the node that has most; 0: it has none that Slurm knows of.
    pub gpus: u32,
    /// Their type, where Slurm names one.
    pub gpu_type: Option<String>,
    /// Longest time of its jobs; none: without limit, or not known.
    pub time_limit: Option<TimeLimit>,
}

impl Slurm {
    /// The partitions that this user sees, by name.
    ///
    /// # Errors
    /// There is no sinfo, or it gives no answer.
    pub fn partitions(&self) -> Result<Vec<Partition>, ProgramError> {
        let format = TABLE.format();
        let answer = self.ask("sinfo", &["-h", "-e", "-O", &format], LIMIT)?;
        Ok(parse(&answer.output))
    }
}

fn parse(text: &str) -> Vec<Partition> {
    let mut found: BTreeMap<String, Partition> = BTreeMap::new();
    for one in text.lines().take(MAX_LINES).filter_map(line) {
        match found.get_mut(&one.name) {
            None => {
                found.insert(one.name.clone(), one);
            }
            Some(known) => known.add(one),
        }
    }
    found.into_values().collect()
}

fn line(line: &str) -> Option<Partition> {
    let [name, available, nodes, cpus, memory, gres, time] = TABLE.row(line)?;
    // `8+`: at least so many, where kinds were grouped after all.
    let number = |text: &str| text.trim_end_matches('+').parse::<u64>().ok();
    let (gpus, gpu_type) = gpus_in(gres);
    let nodes = number(nodes)? as usize;
    Some(Partition {
        name: name.trim_end_matches('*').to_owned(),
        is_default: name.ends_with('*'),
        is_up: available == "up",
        nodes,
        gpu_nodes: if gpus > 0 { nodes } else { 0 },
        cpus: u32::try_from(number(cpus)?).ok()?,
        mebibytes: number(memory)?,
        gpus,
        gpu_type,
        time_limit: time.parse().ok(),
    })
}

impl Partition {
    /// Adds nodes of another kind.
    fn add(&mut self, other: Self) {
        self.nodes += other.nodes;
        self.gpu_nodes += other.gpu_nodes;
        self.cpus = self.cpus.max(other.cpus);
        self.mebibytes = self.mebibytes.max(other.mebibytes);
        if other.gpus > self.gpus {
            self.gpus = other.gpus;
            self.gpu_type = other.gpu_type;
        }
    }
}

/// How many GPUs, and of which type if they are all of one: `gpu:a100:4(S:0-1),nvme:1`.
fn gpus_in(gres: &str) -> (u32, Option<String>) {
    let (mut total, mut types) = (0u32, Vec::new());
    for item in gres.split(',') {
        let parts: Vec<&str> = item.split('(').next().unwrap_or_default().split(':').collect();
        let (kind, count) = match parts.as_slice() {
            ["gpu", count] => (None, *count),
            ["gpu", kind, count] => (Some(*kind), *count),
            _ => continue,
        };
        if let Ok(count) = count.parse::<u32>() {
            total = total.saturating_add(count);
            types.push(kind);
        }
    }
    match types.as_slice() {
        [Some(kind)] => (total, Some((*kind).to_owned())),
        _ => (total, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stand_in;

    fn partitions(lines: &[[&str; 7]]) -> Vec<Partition> {
        parse(
            &lines
                .iter()
                .map(|fields| TABLE.printed(*fields))
                .collect::<String>(),
        )
    }

    #[test]
    fn kinds_of_nodes_are_one_partition() {
        let found = partitions(&[
            [
                "gpu*",
                "up",
                "2",
                "64",
                "512000",
                "gpu:a100:4(S:0-1)",
                "2-00:00:00",
            ],
            ["gpu*", "up", "1", "128", "256000", "(null)", "2-00:00:00"],
            ["cpu", "down", "10", "256+", "512000", "(null)", "infinite"],
        ]);
        let [cpu, gpu] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(
            (cpu.name.as_str(), cpu.is_up, cpu.is_default),
            ("cpu", false, false)
        );
        assert_eq!((cpu.cpus, cpu.gpus, cpu.time_limit), (256, 0, None));
        assert_eq!((gpu.name.as_str(), gpu.is_default, gpu.nodes), ("gpu", true, 3));
        assert_eq!(
            (gpu.cpus, gpu.mebibytes, gpu.gpus, gpu.gpu_nodes),
            (128, 512_000, 4, 2)
        );
        assert_eq!(gpu.gpu_type.as_deref(), Some("a100"));
        assert_eq!(gpu.time_limit, "2-0".parse().ok());
    }

    #[test]
    fn gpus_of_several_types_are_counted_together() {
        assert_eq!(gpus_in("gpu:a100:2,gpu:a40:2,nvme:1"), (4, None));
        assert_eq!(gpus_in("gpu:4"), (4, None));
        assert_eq!(gpus_in("(null)"), (0, None));
    }

    #[test]
    fn a_cluster_that_does_not_answer_is_an_error() {
        let (_keep, slurm) = stand_in("sinfo", "echo 'sinfo: error: no' >&2; exit 1");
        assert!(slurm.partitions().is_err());
    }
}
