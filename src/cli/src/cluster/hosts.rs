//! Where each node's agent is started, in a job.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use hpcbench_actors::orchestrator::{AgentStart, Orphans, Place, Places};
use hpcbench_actors::shell::AddressPolicy;
use hpcbench_recipes::{NodeId, Plan, Role};
use hpcbench_slurm::{Allocation, INHERITED_OPTIONS, Placed, Site, srun_argv};

/// The recipe leaves the choice of the interface to the site, and to us.
const AUTO: &str = "auto";
/// Steps get the environment that they are started in, as a job's script has it.
const WHOLE_ENVIRONMENT: &str = "SLURM_EXPORT_ENV=ALL";

/// Where each node's agent is started: all but the orchestrator's own as steps of the job.
pub(super) fn places(
    plan: &Plan,
    site: &Site,
    allocation: &Allocation,
    placed: &BTreeMap<NodeId, Placed>,
    orphans: Orphans,
) -> Places {
    let address = address(plan, site);
    let place = |placed: &Placed| Place {
        start: if placed.role == Role::Orchestrator {
            AgentStart::Child
        } else {
            AgentStart::Step {
                prefix: step(site, allocation, placed),
            }
        },
        host: Some(placed.host.clone()),
        address: address.clone(),
    };
    let nodes = placed.iter().map(|(node, placed)| (node.clone(), place(placed)));
    Places::new(nodes.collect(), orphans)
}

/// `srun` with its options, and without those that it would take from the environment. A job's script has set the site's
/// variables; where nobody has, as in an allocation that was made by hand, they are set here.
fn step(site: &Site, allocation: &Allocation, placed: &Placed) -> Vec<OsString> {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let mut prefix = environment(site, is_set);
    prefix.extend(srun_argv(allocation, placed));
    prefix
}

/// `env` with what it is to take away and to set.
fn environment(site: &Site, is_set: impl Fn(&str) -> bool) -> Vec<OsString> {
    let away = INHERITED_OPTIONS.iter().filter(|name| is_set(name));
    let away = away.flat_map(|name| ["-u".to_owned(), (*name).to_owned()]);
    // What people have set themselves is meant.
    let set = site.fabric_variables().filter(|(name, _)| !is_set(name));
    let set = set.map(|(name, value)| format!("{name}={value}"));
    // Whoever made the allocation may have asked for an empty environment, in which no step finds its programs.
    let whole = std::iter::once(WHOLE_ENVIRONMENT.to_owned());
    let words = std::iter::once("env".to_owned())
        .chain(away)
        .chain(whole)
        .chain(set);
    words.map(OsString::from).collect()
}

fn address(plan: &Plan, site: &Site) -> AddressPolicy {
    let wanted = plan.network.interface.as_str();
    match &site.interface {
        Some(interface) if wanted == AUTO => AddressPolicy::from(interface.as_str()),
        _ => AddressPolicy::from(wanted),
    }
}

/// What the agents do that lose their orchestrator: its host is gone, and Slurm does not start the job again by itself.
pub(super) fn orphans(plan: &Plan, hpcbench: &Path, allocation: &Allocation) -> Orphans {
    let hpcbench = hpcbench.to_string_lossy().into_owned();
    Orphans {
        timeout: plan.launch.orphan_timeout.as_std(),
        hook: vec![hpcbench, "orphaned".to_owned(), allocation.job.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_get_the_sites_variables_and_none_of_the_shells_options() {
        let text = serde_json::json!({"nccl_ib_hca": "mlx5_0", "ucx_net_devices": "mlx5_0:1"});
        let site: Site = serde_json::from_value(text).unwrap();
        let words = |set: &[&str]| {
            let words = environment(&site, |name| set.contains(&name));
            let words = words.into_iter().map(|word| word.into_string().unwrap());
            words.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            words(&["SLURM_EXPORT_ENV"]),
            "env SLURM_EXPORT_ENV=ALL NCCL_IB_HCA=mlx5_0 UCX_NET_DEVICES=mlx5_0:1"
        );
        assert_eq!(
            words(&["SLURM_NTASKS", "NCCL_IB_HCA"]),
            "env -u SLURM_NTASKS SLURM_EXPORT_ENV=ALL UCX_NET_DEVICES=mlx5_0:1"
        );
        assert_eq!(
            words(&["NCCL_IB_HCA", "UCX_NET_DEVICES"]),
            "env SLURM_EXPORT_ENV=ALL"
        );
    }
}
