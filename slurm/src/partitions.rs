//! Whether a cluster's partitions have what a layout asks for.
//!
//! Many clusters accept a job that can never run and leave it in the queue. This finds it out before, and says which number
//! of the recipe is too large.

use std::time::Duration;

use hpcbench_recipes::Role;

use crate::layout::{Component, Gpus, Layout, Memory, most_frequent, section};
use crate::place::RecipePath;
use crate::programs::{ProgramError, Slurm};
use crate::site::GpuRequest;
use crate::table::Table;

/// How long sinfo may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What is asked of each partition; a line for each kind of node.
const TABLE: Table<5> = Table([
    ("Partition", 128),
    ("Nodes", 10),
    ("CPUs", 10),
    ("Memory", 16),
    ("Gres", 256),
]);

/// Most lines that are read.
const MAX_LINES: usize = 10_000;

/// What a partition does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("partition {partition} has {available}, and {wanted} are asked for")]
pub struct Misfit {
    /// The partition.
    pub partition: String,
    /// What it has at most, in words.
    pub available: String,
    /// What is asked for, in words.
    pub wanted: String,
    /// The number in the recipe that is too large.
    pub path: RecipePath,
}

/// Nodes of one kind in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kind {
    partition: String,
    is_default: bool,
    nodes: usize,
    cpus: u32,
    mebibytes: u64,
    gres: String,
}

impl Slurm {
    /// What keeps a job of this layout from ever running, if the partitions' sizes tell. That it fits is no promise: features,
    /// reservations and limits are not looked at.
    ///
    /// # Errors
    /// There is no sinfo, or it gives no answer.
    pub fn misfit(&self, layout: &Layout) -> Result<Option<Misfit>, ProgramError> {
        let format = TABLE.format();
        let answer = self.ask("sinfo", &["-h", "-e", "-O", &format], LIMIT)?;
        let kinds: Vec<Kind> = answer.output.lines().take(MAX_LINES).filter_map(kind).collect();
        let parts = &layout.components;
        let alone = parts
            .iter()
            .find_map(|component| misfit(layout.gpu_request, component, &kinds));
        Ok(alone.or_else(|| misfit_together(parts, &kinds)))
    }
}

fn kind(line: &str) -> Option<Kind> {
    let [partition, nodes, cpus, memory, gres] = TABLE.row(line)?;
    // `8+`: at least so many, where kinds were grouped after all.
    let number = |text: &str| text.trim_end_matches('+').parse::<u64>().ok();
    Some(Kind {
        partition: partition.trim_end_matches('*').to_owned(),
        is_default: partition.ends_with('*'),
        nodes: number(nodes)? as usize,
        cpus: u32::try_from(number(cpus)?).ok()?,
        mebibytes: number(memory)?,
        gres: gres.to_owned(),
    })
}

/// What a component lacks in each of the partitions that it may run in: what it lacks in the first of them. Partitions
/// that are not listed may be hidden: nothing is known of them.
fn misfit(request: GpuRequest, component: &Component, kinds: &[Kind]) -> Option<Misfit> {
    let names: Vec<&str> = match &component.partition {
        Some(partition) => partition.value.split(',').collect(),
        None => vec![kinds.iter().find(|kind| kind.is_default)?.partition.as_str()],
    };
    let lacks = names.iter().map(|name| {
        let kinds: Vec<&Kind> = kinds.iter().filter(|kind| kind.partition == *name).collect();
        if kinds.is_empty() {
            None
        } else {
            lack(request, component, name, &kinds)
        }
    });
    let lacks: Option<Vec<Misfit>> = lacks.collect();
    lacks?.into_iter().next()
}

/// The one partition that a component may run in; none if it may choose.
fn only_partition<'c>(component: &'c Component, kinds: &'c [Kind]) -> Option<&'c str> {
    let name = match &component.partition {
        Some(partition) => partition.value.as_str(),
        None => kinds.iter().find(|kind| kind.is_default)?.partition.as_str(),
    };
    (!name.contains(',')).then_some(name)
}

/// The partition that has too few nodes for all components which may run nowhere else. Those that share nodes with others may
/// share them with each other: they are not counted.
fn misfit_together(components: &[Component], kinds: &[Kind]) -> Option<Misfit> {
    components.iter().find_map(|component| {
        let name = only_partition(component, kinds)?;
        let is_bound = |other: &&Component| other.exclusive && only_partition(other, kinds) == Some(name);
        let bound: Vec<Component> = components.iter().filter(is_bound).cloned().collect();
        let wanted: usize = bound.iter().map(|component| component.hosts.len()).sum();
        let own = kinds.iter().filter(|kind| kind.partition == name);
        let nodes: usize = own.map(|kind| kind.nodes).sum();
        (0 < nodes && nodes < wanted).then(|| Misfit {
            partition: name.to_owned(),
            available: nodes_in_words(nodes, false),
            wanted: wanted.to_string(),
            path: RecipePath::new(format!("nodes.{}.count", section(most_frequent(&bound)))),
        })
    })
}

/// So many nodes; `are_some` of more: those that have what is asked for.
fn nodes_in_words(nodes: usize, are_some: bool) -> String {
    match (nodes, are_some) {
        (1, false) => "1 node".to_owned(),
        (1, true) => "1 node that has what is asked for".to_owned(),
        (nodes, false) => format!("{nodes} nodes"),
        (nodes, true) => format!("{nodes} nodes that have what is asked for"),
    }
}

/// What a component lacks in one partition.
fn lack(request: GpuRequest, component: &Component, name: &str, kinds: &[&Kind]) -> Option<Misfit> {
    let count = |fits: &dyn Fn(&Kind) -> bool| -> usize {
        kinds
            .iter()
            .filter(|kind| fits(kind))
            .map(|kind| kind.nodes)
            .sum()
    };
    let misfit = |available: String, wanted: String, path: String| Misfit {
        partition: name.to_owned(),
        available,
        wanted,
        path: RecipePath::new(path),
    };
    let named_by = |role: Option<Role>| section(role.unwrap_or(Role::Server));
    let cpus = component.cpus.map_or(0, std::num::NonZeroU32::get);
    let mebibytes = if let Memory::Mebibytes(size) = component.memory {
        size
    } else {
        0
    };
    let gpus = component.gpus.as_ref().filter(|_| request != GpuRequest::None);
    let enough_gpus = |kind: &Kind| gpus.is_none_or(|gpus| gpus_of(kind, gpus) >= gpus.count.get());
    if count(&|kind| kind.cpus >= cpus) == 0 {
        let most = kinds.iter().map(|kind| kind.cpus).max().unwrap_or_default();
        let path = format!("nodes.{}.cpus", named_by(component.named_by.cpus));
        return Some(misfit(
            format!("{most} CPUs a node at most"),
            cpus.to_string(),
            path,
        ));
    }
    if count(&|kind| kind.mebibytes >= mebibytes) == 0 {
        let most = kinds.iter().map(|kind| kind.mebibytes).max().unwrap_or_default();
        let path = format!("nodes.{}.memory", named_by(component.named_by.memory));
        return Some(misfit(
            format!("{most} MiB of memory a node at most"),
            mebibytes.to_string(),
            path,
        ));
    }
    if let Some(gpus) = gpus.filter(|_| count(&enough_gpus) == 0) {
        let most = kinds
            .iter()
            .map(|kind| gpus_of(kind, gpus))
            .max()
            .unwrap_or_default();
        let of_kind = gpus
            .kind
            .as_ref()
            .map(|kind| format!(" of type {:?}", kind.value))
            .unwrap_or_default();
        let available = format!("{most} GPUs{of_kind} a node at most");
        return Some(misfit(
            available,
            gpus.count.to_string(),
            "nodes.servers.gpus".to_owned(),
        ));
    }
    let hosts = component.hosts.len();
    let suitable = count(&|kind| kind.cpus >= cpus && kind.mebibytes >= mebibytes && enough_gpus(kind));
    let path = format!(
        "nodes.{}.count",
        section(most_frequent(std::slice::from_ref(component)))
    );
    let available = nodes_in_words(suitable, suitable < count(&|_| true));
    (suitable < hosts).then(|| misfit(available, hosts.to_string(), path))
}

/// GPUs of a node, of the wanted type if there is one: `gpu:a100:4(S:0-1),nvme:1` has four.
fn gpus_of(kind: &Kind, wanted: &Gpus) -> u32 {
    let mut total = 0;
    for item in kind.gres.split(',') {
        let item = item.split('(').next().unwrap_or_default();
        let parts: Vec<&str> = item.split(':').collect();
        let (model, count) = match parts.as_slice() {
            ["gpu", count] => (None, *count),
            ["gpu", model, count] => (Some(*model), *count),
            _ => continue,
        };
        let suits = wanted
            .kind
            .as_ref()
            .is_none_or(|kind| model == Some(kind.value.as_str()));
        if let Some(count) = count.parse::<u32>().ok().filter(|_| suits) {
            total += count;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::layout::layout;
    use crate::layout::testing::{generic, plan};
    use crate::testing::stand_in;

    /// What a cluster with these partitions lacks for these nodes.
    fn lacks(launch: Value, nodes: Value) -> Option<(String, String)> {
        let listing = [
            ["cpu*", "4", "8", "4000", "(null)"],
            ["cpu*", "1", "16", "8000", "(null)"],
            ["gpu", "2", "8", "4000", "gpu:a100:4(S:0-1),nvme:1"],
        ];
        let listing: String = listing.into_iter().map(|fields| TABLE.printed(fields)).collect();
        let (_keep, slurm) = stand_in("sinfo", &format!("cat <<'E'\n{listing}E\n"));
        let layout = layout(&plan(launch, nodes), &generic()).unwrap();
        let misfit = slurm.misfit(&layout).unwrap()?;
        Some((misfit.to_string(), misfit.path.to_string()))
    }

    #[test]
    fn what_fits_is_not_complained_about() {
        for (launch, nodes) in [
            (json!({}), json!({"servers": {"count": 4, "cpus": 8}})),
            (
                json!({"partition": "gpu"}),
                json!({"servers": {"gpus": 4, "gpu_type": "a100"}}),
            ),
            (json!({"partition": "hidden"}), json!({"servers": {"count": 9}})),
            (json!({"partition": "gpu,cpu"}), json!({"servers": {"count": 4}})),
            (
                json!({}),
                json!({"servers": {"count": 3, "memory": "2GiB"}, "clients": {"count": 2, "memory": "1GiB"}}),
            ),
            (
                json!({"exclusive": false}),
                json!({"servers": {"count": 3, "memory": "2GiB"}, "clients": {"count": 3, "memory": "1GiB"}}),
            ),
        ] {
            assert_eq!(lacks(launch.clone(), nodes), None, "{launch}");
        }
    }

    #[test]
    fn the_number_that_is_too_large_is_named() {
        for (launch, nodes, message, path) in [
            (
                json!({}),
                json!({"servers": {"count": 5}}),
                "partition cpu has 5 nodes, and 6 are asked for",
                "nodes.servers.count",
            ),
            (
                json!({}),
                json!({"servers": {"count": 3, "memory": "2GiB"}, "clients": {"count": 4, "memory": "1GiB"}}),
                "partition cpu has 5 nodes, and 7 are asked for",
                "nodes.clients.count",
            ),
            (
                json!({}),
                json!({"clients": {"count": 2, "cpus": 16}}),
                "partition cpu has 1 node that has what is asked for, and 3 are asked for",
                "nodes.clients.count",
            ),
            (
                json!({}),
                json!({"servers": {"cpus": 32}}),
                "partition cpu has 16 CPUs a node at most, and 32 are asked for",
                "nodes.servers.cpus",
            ),
            (
                json!({}),
                json!({"clients": {"memory": "16GiB", "partition": "cpu"}, "servers": {"partition": "gpu"}}),
                "partition cpu has 8000 MiB of memory a node at most, and 16384 are asked for",
                "nodes.clients.memory",
            ),
            (
                json!({"partition": "gpu"}),
                json!({"servers": {"gpus": 8}}),
                "partition gpu has 4 GPUs a node at most, and 8 are asked for",
                "nodes.servers.gpus",
            ),
            (
                json!({"partition": "gpu"}),
                json!({"servers": {"gpus": 1, "gpu_type": "h100"}}),
                "partition gpu has 0 GPUs of type \"h100\" a node at most, and 1 are asked for",
                "nodes.servers.gpus",
            ),
        ] {
            assert_eq!(lacks(launch, nodes), Some((message.to_owned(), path.to_owned())));
        }
    }
}
