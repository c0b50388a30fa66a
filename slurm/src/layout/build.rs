//! The whole layout.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use hpcbench_recipes::recipe::LaunchMode;
use hpcbench_recipes::{Plan, Role};

use super::components::components;
use super::demand::{Named, usable};
use super::error::{LayoutError, at};
use super::groups::groups;
use super::{Layout, Share};
use crate::place::{Origin, RecipePath, Setting};
use crate::site::Site;
use crate::time::TimeLimit;

/// Longest warning before the time limit that sbatch accepts, in seconds.
const MAX_STOP_BEFORE: u64 = 65_535;

/// What to ask Slurm for.
///
/// # Errors
/// The plan asks for something that no job can be, or that the site does not have.
pub fn layout(plan: &Plan, site: &Site) -> Result<Layout, LayoutError> {
    if plan.launch.mode != LaunchMode::Slurm {
        return Err(LayoutError::NotSlurm);
    }
    let (time_limit, time_limit_origin) = time_limit(plan, site)?;
    check_instances(plan)?;
    let layout = Layout {
        job_name: plan.name.clone(),
        components: components(groups(plan, site)?, site.memory_request)?,
        time_limit,
        time_limit_origin,
        stop_before: stop_before(plan.launch.winds_down(time_limit), time_limit)?,
        gpu_request: site.gpu_request,
        modules: modules(plan, site)?,
        preamble: site.preamble.clone(),
        shares: shares(plan)?,
    };
    within_limits(plan, site, &layout)?;
    Ok(layout)
}

fn time_limit(plan: &Plan, site: &Site) -> Result<(TimeLimit, Origin), LayoutError> {
    let (limit, origin) = match (&plan.launch.time_limit, site.time_limit) {
        (Some(text), _) => {
            let path = RecipePath::new("launch.time_limit");
            (text.parse::<TimeLimit>()?, Origin::Recipe(path))
        }
        (None, Some(limit)) => (limit, Origin::Site),
        (None, None) => return Err(LayoutError::NoTimeLimit),
    };
    match site.limits.max_time {
        Some(allowed) if limit > allowed => Err(LayoutError::TooLong { limit, allowed }),
        _ => Ok((limit, origin)),
    }
}

/// When the run winds down, as sbatch is told.
fn stop_before(seconds: u64, limit: TimeLimit) -> Result<u32, LayoutError> {
    if seconds >= u64::from(limit.seconds()) || seconds > MAX_STOP_BEFORE {
        return Err(LayoutError::NoTimeLeft {
            stop_before: seconds,
            limit,
        });
    }
    Ok(seconds as u32)
}

pub(super) fn modules(plan: &Plan, site: &Site) -> Result<Vec<Setting>, LayoutError> {
    let of_recipe = plan
        .launch
        .modules
        .iter()
        .enumerate()
        .map(|(index, value)| Setting {
            value: value.clone(),
            origin: Origin::Recipe(RecipePath::new(format!("launch.modules.{index}"))),
        });
    let mut modules: Vec<Setting> = of_recipe.collect();
    if modules.is_empty() {
        modules.extend(site.modules.iter().map(|value| Setting {
            value: value.clone(),
            origin: Origin::Site,
        }));
    }
    for module in &modules {
        usable(module)?;
        if module.value.starts_with('-') {
            return Err(LayoutError::Unusable {
                value: module.value.clone(),
                fault: "begins with a dash, and would be taken for an option of `module load`",
                origin: module.origin.clone(),
            });
        }
    }
    Ok(modules)
}

/// What one agent of each role gets.
fn shares(plan: &Plan) -> Result<BTreeMap<Role, Share>, LayoutError> {
    let nodes = &plan.resources;
    let agents = plan.nodes.iter().filter(|node| node.role == Role::Client).count() as u32;
    let per_client_node = (agents / nodes.clients.count).max(1);
    let divided = |cpus: NonZeroU32| NonZeroU32::new(cpus.get() / per_client_node).unwrap_or(NonZeroU32::MIN);
    let share = |cpus, gpus| Share { cpus, gpus };
    Ok(BTreeMap::from([
        (Role::Orchestrator, share(nodes.orchestrator.cpus, None)),
        (
            Role::Server,
            share(nodes.servers.cpus, Named::of(plan, Role::Server).gpus()?),
        ),
        (Role::Client, share(nodes.clients.cpus.map(divided), None)),
    ]))
}

/// Whether a node's instances fit it.
fn check_instances(plan: &Plan) -> Result<(), LayoutError> {
    let servers = &plan.resources.servers;
    let instances = servers.instances_per_node.get();
    let wants = [
        (
            "gpus_per_instance",
            "GPUs",
            servers.gpus_per_instance,
            Some(servers.gpus),
        ),
        (
            "cpus_per_instance",
            "CPUs",
            servers.cpus_per_instance.map(NonZeroU32::get),
            servers.cpus.map(NonZeroU32::get),
        ),
    ];
    for (key, what, each, available) in wants {
        if let (Some(each), Some(available)) = (each, available)
            && each.saturating_mul(instances) > available
        {
            return Err(LayoutError::TooManyInstances {
                instances,
                each,
                what,
                available,
                path: at(Role::Server, key),
            });
        }
    }
    Ok(())
}

fn within_limits(plan: &Plan, site: &Site, layout: &Layout) -> Result<(), LayoutError> {
    let nodes = layout.node_count();
    let Some(allowed) = site.limits.max_nodes.filter(|allowed| nodes > *allowed as usize) else {
        return Ok(());
    };
    let role = if plan.resources.clients.count > plan.resources.servers.count {
        Role::Client
    } else {
        Role::Server
    };
    Err(LayoutError::TooManyNodes {
        nodes,
        allowed,
        path: at(role, "count"),
    })
}
