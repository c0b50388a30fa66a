//! The start of an instance: what it gets of its node, and its first process.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use hpcbench_core::event::{Rendezvous, ServiceImage, ServiceRank};
use hpcbench_recipes::recipe::LaunchMode;
use hpcbench_services::{
    Extras, LaunchCommand, LaunchContext, OnCluster, Rank, ServiceEndpoint, Start, Wanted,
};

use super::address::free_ports;
use super::container::contain;
use super::instance::Instance;
use super::model::staged;
use super::processes::{Launch, Part};
use super::share::{InstanceShare, number, share};
use super::short_path::ShortPath;
use crate::shell::{describe, private_dir};

/// How long the programs of an image may take to say what they are: an image is read, and Python starts.
const PREFLIGHT: Duration = Duration::from_mins(2);
/// What a container sees as its own directory for temporary files: a short path, and nobody else's.
const IN_CONTAINER: &str = "/tmp";

/// An instance whose first process was started.
pub(super) struct Started {
    pub(super) endpoints: Vec<ServiceEndpoint>,
    pub(super) since: Instant,
    /// What there is to do before it can be ready.
    pub(super) rest: Option<Rest>,
}

/// A service that is started once its cluster is complete.
pub(super) struct Rest {
    pub(super) status: LaunchCommand,
    pub(super) service: LaunchCommand,
    pub(super) wanted: Wanted,
    cpus: Vec<usize>,
    rendezvous: Option<Rendezvous>,
    image: Option<ServiceImage>,
}

/// What an instance is started with.
struct Means {
    context: LaunchContext,
    share: InstanceShare,
    rank: Option<Rank>,
}

impl Instance {
    pub(super) async fn begin(&self) -> Result<Started, String> {
        let means = self.means()?;
        let endpoints = self.service.endpoints(&self.plan, &means.context);
        let endpoints = endpoints.map_err(|error| describe(&error))?;
        let since = Instant::now();
        let plan = &staged(&self.context, &self.plan).await?;
        let start = match &means.rank {
            Some(rank) => self.service.start_rank(plan, &means.context, rank),
            None => self.service.start(plan, &means.context),
        };
        let rest = match start.map_err(|error| describe(&error))? {
            Start::External => None,
            Start::Launch(command) => {
                let ([command], image) = self.outfit([command], &means).await?;
                self.processes
                    .start(
                        &command,
                        self.how(
                            Part::Service,
                            &means.share.cpus,
                            means.rendezvous(),
                            image.clone(),
                        ),
                    )
                    .await?;
                None
            }
            Start::OnCluster(on_cluster) => {
                let OnCluster {
                    node,
                    status,
                    service,
                } = *on_cluster;
                let ([node, status, service], image) = self.outfit([node, status, service], &means).await?;
                self.processes
                    .start(
                        &node,
                        self.how(
                            Part::Cluster,
                            &means.share.cpus,
                            means.rendezvous(),
                            image.clone(),
                        ),
                    )
                    .await?;
                Some(Rest {
                    status,
                    service,
                    wanted: means.wanted(),
                    rendezvous: means.rendezvous(),
                    cpus: means.share.cpus,
                    image,
                })
            }
        };
        Ok(Started {
            endpoints,
            since,
            rest,
        })
    }

    pub(super) async fn start_rest(&self, rest: &Rest) -> Result<(), String> {
        let how = self.how(
            Part::Service,
            &rest.cpus,
            rest.rendezvous.clone(),
            rest.image.clone(),
        );
        self.processes.start(&rest.service, how).await
    }

    /// How a process is started.
    fn how<'a>(
        &'a self,
        part: Part,
        cpus: &'a [usize],
        rendezvous: Option<Rendezvous>,
        image: Option<ServiceImage>,
    ) -> Launch<'a> {
        Launch {
            part,
            cpus,
            policy: self.service.stop(),
            rendezvous,
            image,
            cause: self.order.cause,
        }
    }

    /// Finds what the processes get of their node.
    fn means(&self) -> Result<Means, String> {
        let agent = &self.context;
        let instances = self.plan.instances_per_node;
        let number = number(&self.order.id, &agent.node, instances);
        let share = share(&agent.plan.resources.servers, &agent.resources, number, instances);
        let gpus = share.gpus.as_ref().unwrap_or(&agent.resources.gpus).len();
        let scratch = agent.scratch.dir(self.order.id.as_str());
        let scratch = scratch.map_err(|error| format!("failed to create its directory: {error}"))?;
        let needs = self.service.needs(&self.plan);
        let address = agent.address.address;
        // One for the service, one for the instance's other processes.
        let ports = free_ports(address, 2 + needs.ports);
        let ports = ports.map_err(|error| format!("no free port can be had: {error}"))?;
        let [port, rendezvous, ref ports @ ..] = ports[..] else {
            return Err("no free port can be had".to_owned());
        };
        let rank = self.order.rank.as_ref();
        let rank = rank.map(|rank| found_by(rank, address, rendezvous, agent.address.interface.clone()));
        let short_path = if needs.short_path {
            self.short_path(&scratch)?
        } else {
            PathBuf::new()
        };
        let context = LaunchContext {
            host: address,
            port,
            hpcbench_exe: agent.spawner.hpcbench().to_path_buf(),
            run_dir: agent.spawner.run_dir().to_path_buf(),
            scratch,
            instance: number,
            gpus: u32::try_from(gpus).unwrap_or(u32::MAX),
            extras: Extras {
                ports: ports.to_vec(),
                short_path,
            },
        };
        Ok(Means { context, share, rank })
    }

    /// A short path to a directory of the instance's own, as its processes see it.
    fn short_path(&self, scratch: &Path) -> Result<PathBuf, String> {
        if self.plan.image.is_some() {
            return Ok(PathBuf::from(IN_CONTAINER));
        }
        let short = ShortPath::to(scratch);
        let short =
            short.map_err(|error| format!("failed to create a short path to its directory: {error}"))?;
        let path = short.path().to_path_buf();
        // It is there as long as the instance is.
        *self.short_path.lock().unwrap_or_else(PoisonError::into_inner) = Some(short);
        Ok(path)
    }

    /// Gives commands what is theirs, puts them inside of the image if there is one, and looks at the programs that they name.
    async fn outfit<const N: usize>(
        &self,
        commands: [LaunchCommand; N],
        means: &Means,
    ) -> Result<([LaunchCommand; N], Option<ServiceImage>), String> {
        let preflight = self.service.preflight(&self.plan, &means.context);
        let preflight = preflight.map_err(|error| describe(&error))?;
        let mut all: Vec<LaunchCommand> = commands.into_iter().chain(preflight).collect();
        for command in &mut all {
            self.give(command, &means.share, &means.context.scratch)?;
        }
        let contained = contain(&self.context, &self.plan, &means.context.scratch, all).await;
        let (mut all, image) = contained?;
        let preflight = all.split_off(N.min(all.len())).pop();
        if let Some(preflight) = preflight {
            let printed = self.processes.print(&preflight, PREFLIGHT).await?;
            self.service.judge_preflight(&self.plan, &printed)?;
        }
        let all = <[LaunchCommand; N]>::try_from(all).map_err(|_| "a command was lost".to_owned())?;
        Ok((all, image))
    }

    /// Keeps instances apart: each has its own GPUs, and its own home wherever another one may be on its node.
    fn give(&self, command: &mut LaunchCommand, share: &InstanceShare, scratch: &Path) -> Result<(), String> {
        let plan = &self.context.plan;
        if let Some(gpus) = &share.gpus {
            let visible = gpus.join(",").into();
            command
                .environment
                .insert("CUDA_VISIBLE_DEVICES".to_owned(), visible);
        }
        let servers = &plan.resources.servers;
        let is_alone = plan.launch.mode == LaunchMode::Local
            && servers.count.get() == 1
            && servers.instances_per_node.get() == 1;
        if !is_alone && !command.environment.contains_key("HOME") {
            let home = scratch.join("home");
            private_dir(&home).map_err(|error| format!("failed to create its home: {error}"))?;
            command.environment.insert("HOME".to_owned(), home.into());
        }
        Ok(())
    }
}

impl Means {
    /// Where the instance's other processes find this one: the first one says so.
    fn rendezvous(&self) -> Option<Rendezvous> {
        let rank = self.rank.as_ref().filter(|rank| rank.is_head())?;
        Some(Rendezvous {
            address: rank.head,
            port: rank.rendezvous_port,
        })
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            nodes: self
                .rank
                .as_ref()
                .map_or(std::num::NonZeroU32::MIN, |rank| rank.of),
            gpus: self.context.gpus,
        }
    }
}

/// A process of an instance, which finds the first one where it was told, or else is the first one itself.
fn found_by(rank: &ServiceRank, address: IpAddr, free_port: u16, interface: Option<String>) -> Rank {
    let own = Rendezvous {
        address,
        port: free_port,
    };
    let head = rank.rendezvous.as_ref().unwrap_or(&own);
    Rank {
        index: rank.index,
        of: rank.of,
        head: head.address,
        rendezvous_port: head.port,
        interface,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_is_found_by_the_others() {
        let order = |json: &str| serde_json::from_str::<ServiceRank>(json).unwrap();
        let first = order(r#"{"head": "server-1-0", "index": 0, "of": 2}"#);
        let own: IpAddr = "10.0.0.1".parse().unwrap();
        let rank = found_by(&first, own, 29_500, None);
        assert_eq!(
            (rank.head, rank.rendezvous_port, rank.is_head()),
            (own, 29_500, true)
        );
        let second = order(
            r#"{"head": "server-1-0", "index": 1, "of": 2, "rendezvous": {"address": "10.0.0.1", "port": 29500}}"#,
        );
        let rank = found_by(&second, "10.0.0.2".parse().unwrap(), 7, Some("ib0".to_owned()));
        assert_eq!(
            (rank.head, rank.rendezvous_port, rank.is_head()),
            (own, 29_500, false)
        );
        assert_eq!(rank.interface.as_deref(), Some("ib0"));
    }
}
