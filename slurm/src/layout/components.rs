//! From groups of hosts to the components of a job.

use hpcbench_recipes::Role;

use super::demand::Demand;
use super::error::{LayoutError, at};
use super::groups::Group;
use super::{Component, Host, Memory, NamedBy};
use crate::place::Setting;

/// One allocation, or the parts of a heterogeneous job.
pub(super) fn components(groups: Vec<Group>, memory_request: bool) -> Result<Vec<Component>, LayoutError> {
    let mut parts: Vec<Vec<Group>> = Vec::new();
    for group in groups {
        let joined = parts
            .iter_mut()
            .find(|part| part.iter().all(|other| fit(&other.demand, &group.demand)));
        match joined {
            Some(part) => part.push(group),
            None => parts.push(vec![group]),
        }
    }
    parts.sort_by_key(|part| !part.iter().any(Group::has_orchestrator));
    let mut parts: Vec<(Role, Component)> = parts
        .into_iter()
        .filter_map(|part| component(part, memory_request))
        .collect();
    hand_down_nothing(&mut parts)?;
    Ok(parts.into_iter().map(|(_, component)| component).collect())
}

/// Whether one allocation gives both what they ask for.
fn fit(one: &Demand, other: &Demand) -> bool {
    let value = |setting: &Option<Setting>| setting.as_ref().map(|setting| setting.value.clone());
    let directives = |demand: &Demand| -> Vec<String> {
        demand
            .directives
            .iter()
            .map(|setting| setting.value.clone())
            .collect()
    };
    let same = [
        (&one.partition, &other.partition),
        (&one.account, &other.account),
        (&one.qos, &other.qos),
        (&one.reservation, &other.reservation),
        (&one.constraint, &other.constraint),
    ];
    same.iter().all(|(one, other)| value(one) == value(other))
        && one.exclusive == other.exclusive
        && directives(one) == directives(other)
        && at_most_one_named(one.cpus, other.cpus)
        && at_most_one_named(one.memory, other.memory)
        && (one.exclusive || one.gpus == other.gpus)
}

/// Whether two demands are the same, or only one of them says anything.
fn at_most_one_named<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// One component of groups that fit, and the role to name it by.
fn component(mut part: Vec<Group>, memory_request: bool) -> Option<(Role, Component)> {
    part.sort_by_key(|group| match group.role {
        Role::Orchestrator => 0,
        Role::Server => 1,
        Role::Client => 2,
    });
    let role = part.first()?.role;
    let cpus = part
        .iter()
        .filter_map(|group| Some((group.demand.cpus?, group.role)));
    let cpus = cpus.max_by_key(|(cpus, _)| *cpus);
    let memory = part
        .iter()
        .filter_map(|group| Some((group.demand.memory?, group.role)));
    let memory = memory.max_by_key(|(memory, _)| *memory);
    let named_by = NamedBy {
        cpus: cpus.map(|(_, role)| role),
        memory: memory.map(|(_, role)| role),
    };
    let gpus = part.iter().find_map(|group| group.demand.gpus.clone());
    let demand = part.first()?.demand.clone();
    let mut hosts: Vec<Host> = part.into_iter().flat_map(|group| group.hosts).collect();
    // Stable: the orchestrator's host comes first, all others stay where they are.
    hosts.sort_by_key(|host| !host.has(Role::Orchestrator));
    let memory = match memory {
        _ if !memory_request => Memory::Unstated,
        Some((size, _)) => Memory::Mebibytes(size.as_bytes().div_ceil(1 << 20).max(1)),
        None if demand.exclusive => Memory::All,
        None => Memory::Unstated,
    };
    let component = Component {
        hosts,
        partition: demand.partition,
        account: demand.account,
        qos: demand.qos,
        reservation: demand.reservation,
        constraint: demand.constraint,
        exclusive: demand.exclusive,
        cpus: cpus.map(|(cpus, _)| cpus),
        memory,
        named_by,
        gpus,
        directives: demand.directives,
    };
    Some((role, component))
}

/// Whether a component says something about an option.
type Has = fn(&Component) -> bool;

/// Options that sbatch hands down from a component to those after it, unless they say something themselves.
const HANDED_DOWN: [(&str, Has); 4] = [
    ("account", |component| component.account.is_some()),
    ("qos", |component| component.qos.is_some()),
    ("reservation", |component| component.reservation.is_some()),
    ("memory", |component| component.memory != Memory::Unstated),
];

/// Puts components without an option before those with it, behind the orchestrator's.
fn hand_down_nothing(parts: &mut [(Role, Component)]) -> Result<(), LayoutError> {
    let Some((_, others)) = parts.split_first_mut() else {
        return Ok(());
    };
    let named = |component: &Component| HANDED_DOWN.iter().filter(|(_, has)| has(component)).count();
    others.sort_by_key(|(_, component)| named(component));
    for (option, has) in HANDED_DOWN {
        let first_with = parts.iter().position(|(_, component)| has(component));
        let behind = first_with.map(|first| parts.iter().skip(first));
        let without = behind.and_then(|mut behind| behind.find(|(_, component)| !has(component)));
        if let Some((role, _)) = without {
            return Err(LayoutError::HandedDown {
                option,
                role: *role,
                path: at(*role, option),
            });
        }
    }
    Ok(())
}
