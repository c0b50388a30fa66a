//! What a group of hosts asks for.

use std::num::NonZeroU32;

use hpcbench_recipes::recipe::SlurmOptions;
use hpcbench_recipes::units::Size;
use hpcbench_recipes::{Plan, Role};

use super::Gpus;
use super::directives;
use super::error::{LayoutError, at};
use crate::place::{Origin, RecipePath, Setting};
use crate::site::{Exclusive, Site};

/// What a group of hosts asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) partition: Option<Setting>,
    pub(super) account: Option<Setting>,
    pub(super) qos: Option<Setting>,
    pub(super) reservation: Option<Setting>,
    pub(super) constraint: Option<Setting>,
    pub(super) exclusive: bool,
    pub(super) cpus: Option<NonZeroU32>,
    pub(super) memory: Option<Size>,
    pub(super) gpus: Option<Gpus>,
    pub(super) directives: Vec<Setting>,
}

/// What a role names for itself.
pub(super) struct Named {
    role: Role,
    options: SlurmOptions,
    cpus: Option<NonZeroU32>,
    memory: Option<Size>,
    gpus: u32,
}

impl Named {
    /// What the plan says of a role.
    pub(super) fn of(plan: &Plan, role: Role) -> Self {
        let nodes = &plan.resources;
        let (options, cpus, memory, gpus) = match role {
            Role::Server => {
                let own = &nodes.servers;
                (own.slurm(), own.cpus, own.memory, own.gpus)
            }
            Role::Client => (nodes.clients.slurm(), nodes.clients.cpus, nodes.clients.memory, 0),
            Role::Orchestrator => {
                let own = &nodes.orchestrator;
                (own.slurm(), own.cpus, own.memory, 0)
            }
        };
        Self {
            role,
            options,
            cpus,
            memory,
            gpus,
        }
    }

    pub(super) fn gpus(&self) -> Result<Option<Gpus>, LayoutError> {
        let kind = self.setting("gpu_type", self.options.gpu_type.as_ref());
        match (NonZeroU32::new(self.gpus), kind) {
            (None, Some(_)) => Err(LayoutError::GpuTypeWithoutGpus(at(self.role, "gpu_type"))),
            (count, kind) => Ok(count.map(|count| Gpus { count, kind })),
        }
    }

    fn setting(&self, key: &str, value: Option<&String>) -> Option<Setting> {
        value.map(|value| Setting {
            value: value.clone(),
            origin: Origin::Recipe(at(self.role, key)),
        })
    }

    /// Options that take one text, with the values of hosts that are shared or followed.
    fn texts(&self) -> [(&'static str, Option<Setting>); 5] {
        let own = &self.options;
        [
            ("partition", &own.partition),
            ("account", &own.account),
            ("qos", &own.qos),
            ("reservation", &own.reservation),
            ("constraint", &own.constraint),
        ]
        .map(|(key, value)| (key, self.setting(key, value.as_ref())))
    }

    fn own_directives(&self) -> Result<Vec<Setting>, LayoutError> {
        let place = format!("nodes.{}.directives", super::section(self.role));
        directives::checked(&self.options.directives, &place)
    }
}

impl Demand {
    /// What a role with hosts of its own asks for: what it names, else what the job names, else what the site has.
    pub(super) fn of(plan: &Plan, site: &Site, role: Role) -> Result<Self, LayoutError> {
        let named = Named::of(plan, role);
        let launch = &plan.launch;
        let job = |key: &str, value: &Option<String>| {
            value.as_ref().map(|value| Setting {
                value: value.clone(),
                origin: Origin::Recipe(RecipePath::new(format!("launch.{key}"))),
            })
        };
        let of_site = |value: Option<&String>| {
            value.map(|value| Setting {
                value: value.clone(),
                origin: Origin::Site,
            })
        };
        let [partition, account, qos, reservation, constraint] = named.texts().map(|(_, setting)| setting);
        let mut options = directives::checked(&launch.directives, "launch.directives")?;
        options.extend(named.own_directives()?);
        let demand = Self {
            partition: partition
                .or_else(|| job("partition", &launch.partition))
                .or_else(|| of_site(site_partition(site, role, named.gpus > 0))),
            account: account.or_else(|| job("account", &launch.account)),
            qos: qos
                .or_else(|| job("qos", &launch.qos))
                .or_else(|| of_site(site.qos.as_ref())),
            reservation: reservation.or_else(|| job("reservation", &launch.reservation)),
            constraint,
            exclusive: match site.exclusive {
                Exclusive::AsAsked => named.options.exclusive.unwrap_or(launch.exclusive),
                Exclusive::Always => true,
                Exclusive::Never => false,
            },
            cpus: named.cpus,
            memory: named.memory.filter(|_| site.memory_request),
            gpus: named.gpus()?,
            directives: options,
        };
        demand.check_texts(site)?;
        Ok(demand)
    }

    /// What one more host like these would ask for, for another role.
    pub(super) fn followed_by(&self, named: &Named, site: &Site) -> Result<Self, LayoutError> {
        let mut demand = self.clone();
        for ((_, own), slot) in named.texts().into_iter().zip(demand.slots()) {
            if own.is_some() {
                *slot = own;
            }
        }
        if site.exclusive == Exclusive::AsAsked {
            demand.exclusive = named.options.exclusive.unwrap_or(self.exclusive);
        }
        demand.cpus = named.cpus;
        demand.memory = named.memory.filter(|_| site.memory_request);
        demand.gpus = named.gpus()?;
        demand.directives.extend(named.own_directives()?);
        demand.check_texts(site)?;
        Ok(demand)
    }

    /// Adds a role that shares these hosts: it may ask for more, not for something else.
    pub(super) fn shared_with(&mut self, named: &Named, site: &Site) -> Result<(), LayoutError> {
        for ((key, own), slot) in named.texts().into_iter().zip(self.slots()) {
            match (own, slot.as_ref()) {
                (Some(own), Some(there)) if own.value != there.value => {
                    return Err(LayoutError::Contradiction {
                        role: named.role,
                        here: own.value,
                        path: at(named.role, key),
                        there: there.value.clone(),
                        origin: there.origin.clone(),
                    });
                }
                (Some(own), None) => *slot = Some(own),
                _ => {}
            }
        }
        self.share_exclusive(named, site)?;
        self.cpus = self.cpus.max(named.cpus);
        self.memory = self.memory.max(named.memory.filter(|_| site.memory_request));
        if named.gpus()?.is_some() {
            self.gpus = named.gpus()?;
        }
        self.directives.extend(named.own_directives()?);
        self.check_texts(site)
    }

    fn share_exclusive(&self, named: &Named, site: &Site) -> Result<(), LayoutError> {
        match named.options.exclusive {
            Some(own) if own != self.exclusive && site.exclusive == Exclusive::AsAsked => {
                Err(LayoutError::Contradiction {
                    role: named.role,
                    here: format!("exclusive: {own}"),
                    path: at(named.role, "exclusive"),
                    there: format!("exclusive: {}", self.exclusive),
                    origin: Origin::Recipe(RecipePath::new("nodes")),
                })
            }
            _ => Ok(()),
        }
    }

    /// The options that take one text, in the order of [`Named::texts`].
    fn slots(&mut self) -> [&mut Option<Setting>; 5] {
        [
            &mut self.partition,
            &mut self.account,
            &mut self.qos,
            &mut self.reservation,
            &mut self.constraint,
        ]
    }

    pub(super) fn check_texts(&self, site: &Site) -> Result<(), LayoutError> {
        let kind = self.gpus.as_ref().and_then(|gpus| gpus.kind.as_ref());
        let texts = [
            &self.partition,
            &self.account,
            &self.qos,
            &self.reservation,
            &self.constraint,
        ];
        for setting in texts.into_iter().flatten().chain(kind) {
            usable(setting)?;
        }
        if self.account.is_none() && site.account_required {
            return Err(LayoutError::NoAccount);
        }
        Ok(())
    }
}

/// Refuses what no argument can hold, or what Slurm would take for nothing at all.
pub(super) fn usable(setting: &Setting) -> Result<(), LayoutError> {
    let fault = if setting.value.trim().is_empty() {
        "is empty"
    } else if setting.value.chars().any(char::is_control) {
        "has control characters"
    } else if setting.value.len() > MAX_VALUE {
        "is too long"
    } else {
        return Ok(());
    };
    Err(LayoutError::Unusable {
        value: setting.value.clone(),
        fault,
        origin: setting.origin.clone(),
    })
}

/// Longest value of an option, in bytes.
const MAX_VALUE: usize = 1024;

fn site_partition(site: &Site, role: Role, has_gpus: bool) -> Option<&String> {
    let of = &site.partitions;
    match role {
        Role::Server if has_gpus => of.servers.as_ref(),
        Role::Server => of.cpu_servers.as_ref().or(of.servers.as_ref()),
        Role::Client => of.clients.as_ref(),
        Role::Orchestrator => of.orchestrator.as_ref().or(of.clients.as_ref()),
    }
}
