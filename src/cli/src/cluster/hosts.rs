//! Where each node's agent is started, in a job.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use hpcbench_actors::orchestrator::{AgentStart, Orphans, Place, Places};
use hpcbench_actors::shell::AddressPolicy;
use hpcbench_recipes::{NodeId, Plan, Role};
use hpcbench_slurm::{Allocation, INHERITED_OPTIONS, Placed, Site, StepName, srun_argv};

/// The recipe leaves the choice of the interface to the site, and to us.
const AUTO: &str = "auto";

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
                prefix: step(allocation, placed),
            }
        },
        host: Some(placed.host.clone()),
        address: address.clone(),
    };
    let nodes = placed.iter().map(|(node, placed)| (node.clone(), place(placed)));
    Places::new(nodes.collect(), orphans)
}

/// `srun` with its options, and without those that it would take from the environment.
fn step(allocation: &Allocation, placed: &Placed) -> Vec<OsString> {
    let mut prefix: Vec<OsString> = vec!["env".into()];
    for name in INHERITED_OPTIONS
        .iter()
        .filter(|name| std::env::var_os(name).is_some())
    {
        prefix.extend(["-u", name].map(OsString::from));
    }
    if prefix.len() == 1 {
        prefix.clear();
    }
    prefix.extend(srun_argv(allocation, placed, &StepName::agent(&placed.node)));
    prefix
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
