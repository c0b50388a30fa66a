//! The start of an instance: what it gets of its node, and its first process.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use hpcbench_core::event::{Rendezvous, ServiceImage, ServiceRank};
use hpcbench_core::outfit_seconds;
use hpcbench_recipes::ServicePlan;
use hpcbench_recipes::recipe::LaunchMode;
use hpcbench_services::{
    Extras, LaunchCommand, LaunchContext, OnCluster, Rank, ServiceEndpoint, Start, Wanted,
};

use super::address::free_ports;
use super::container::{NodeImage, contain, image};
use super::instance::Instance;
use super::model::staged;
use super::processes::{Launch, Part};
use super::share::{InstanceShare, number, share};
use super::short_path::ShortPath;
use crate::shell::{describe, private_dir};

/// What a container sees as its own directory for temporary files: a short path, and nobody else's.
const IN_CONTAINER: &str = "/tmp";

/// An instance whose first process was started.
pub(super) struct Started {
    pub(super) endpoints: Vec<ServiceEndpoint>,
    /// When that was.
    pub(super) since: Instant,
    /// How long it took until then, where an image or a model was brought to the node.
    pub(super) outfit: Option<Duration>,
    /// What is to be known of it already.
    pub(super) remarks: Vec<String>,
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
    /// The plan, with its model where it is on this node.
    plan: ServicePlan,
    image: Option<NodeImage>,
    context: LaunchContext,
    share: InstanceShare,
    rank: Option<Rank>,
}

impl Instance {
    pub(super) async fn begin(&self) -> Result<Started, String> {
        let began = Instant::now();
        let mut means = self.means().await?;
        let remarks = self.preflight(&means).await?;
        // Last: whoever asks first gets a port that nobody listens at yet.
        self.choose_ports(&mut means)?;
        let endpoints = self.service.endpoints(&self.plan, &means.context);
        let endpoints = endpoints.map_err(|error| describe(&error))?;
        let start = match &means.rank {
            Some(rank) => self.service.start_rank(&means.plan, &means.context, rank),
            None => self.service.start(&means.plan, &means.context),
        };
        let start = start.map_err(|error| describe(&error))?;
        let is_staged = means.plan != self.plan;
        let outfit = (means.image.is_some() || is_staged).then(|| began.elapsed());
        let since = Instant::now();
        let rest = self.start(start, means).await?;
        Ok(Started {
            endpoints,
            since,
            outfit,
            remarks,
            rest,
        })
    }

    async fn start(&self, start: Start, means: Means) -> Result<Option<Rest>, String> {
        let described = means.image.as_ref().map(|image| image.described.clone());
        let how = |part| self.how(part, &means.share.cpus, means.rendezvous(), described.clone());
        match start {
            Start::External => Ok(None),
            Start::Launch(command) => {
                let [command] = self.outfit([command], &means).await?;
                self.processes.start(&command, how(Part::Service)).await?;
                Ok(None)
            }
            Start::OnCluster(on_cluster) => {
                let OnCluster {
                    node,
                    status,
                    service,
                } = *on_cluster;
                let [node, status, service] = self.outfit([node, status, service], &means).await?;
                self.processes.start(&node, how(Part::Cluster)).await?;
                Ok(Some(Rest {
                    status,
                    service,
                    wanted: means.wanted(),
                    rendezvous: means.rendezvous(),
                    cpus: means.share.cpus.clone(),
                    image: described,
                }))
            }
        }
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

    /// Finds what the processes get of their node, but for ports, and brings there what they need.
    async fn means(&self) -> Result<Means, String> {
        let agent = &self.context;
        let patience = Duration::from_secs_f64(outfit_seconds(&agent.plan, &self.plan));
        let fetched = async {
            let plan = staged(agent, &self.plan).await?;
            Ok::<_, String>((plan, image(agent, &self.plan).await?))
        };
        let fetched = tokio::time::timeout(patience, fetched).await;
        let (plan, image) = fetched.map_err(|_| {
            let seconds = patience.as_secs_f64();
            format!("its image and its model were not on this node within {seconds} s")
        })??;
        let instances = self.plan.instances_per_node;
        let number = number(&self.order.id, &agent.node, instances);
        let share = share(&agent.plan.resources.servers, &agent.resources, number, instances);
        let gpus = share.gpus.as_ref().unwrap_or(&agent.resources.gpus).len();
        let scratch = agent.scratch.dir(self.order.id.as_str());
        let scratch = scratch.map_err(|error| format!("failed to create its directory: {error}"))?;
        let short_path = if self.service.needs(&self.plan).short_path {
            self.short_path(&scratch)?
        } else {
            PathBuf::new()
        };
        let context = LaunchContext {
            host: agent.address.address,
            port: 0,
            hpcbench_exe: agent.spawner.hpcbench().to_path_buf(),
            run_dir: agent.spawner.run_dir().to_path_buf(),
            scratch,
            instance: number,
            gpus: u32::try_from(gpus).unwrap_or(u32::MAX),
            extras: Extras {
                ports: Vec::new(),
                short_path,
            },
        };
        Ok(Means {
            plan,
            image,
            context,
            share,
            rank: None,
        })
    }

    /// Finds free ports. From here on there is nothing to wait for.
    fn choose_ports(&self, means: &mut Means) -> Result<(), String> {
        let agent = &self.context;
        let needs = self.service.needs(&self.plan);
        let address = agent.address.address;
        // One for the service, one for the instance's other processes.
        let ports = free_ports(address, 2 + needs.head_ports + needs.ports);
        let mut ports = ports
            .map_err(|error| format!("no free port can be had: {error}"))?
            .into_iter();
        let (Some(port), Some(rendezvous)) = (ports.next(), ports.next()) else {
            return Err("no free port can be had".to_owned());
        };
        let own = Rendezvous {
            address,
            port: rendezvous,
            more_ports: ports.by_ref().take(needs.head_ports).collect(),
            image: means.digest(),
        };
        let rank = self.order.rank.as_ref();
        rank.map_or(Ok(()), |rank| runs_the_same(rank, means.digest().as_deref()))?;
        means.rank = rank.map(|rank| found_by(rank, own, agent.address.interface.clone()));
        means.context.port = port;
        means.context.extras.ports = ports.collect();
        Ok(())
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

    /// Looks at what will be started, where it will be.
    async fn preflight(&self, means: &Means) -> Result<Vec<String>, String> {
        let (looks, tools): (Vec<_>, Vec<_>) = self.looks(&means.context.scratch)?.into_iter().unzip();
        let mut outfitted = Vec::with_capacity(tools.len());
        for tool in tools {
            let [tool] = self.outfit([tool], means).await?;
            outfitted.push(tool);
        }
        self.look(looks.into_iter().zip(outfitted)).await
    }

    /// Gives commands what is theirs, and puts them inside of the image if there is one.
    async fn outfit<const N: usize>(
        &self,
        mut commands: [LaunchCommand; N],
        means: &Means,
    ) -> Result<[LaunchCommand; N], String> {
        let scratch = &means.context.scratch;
        for command in &mut commands {
            self.give(command, &means.share, scratch)?;
        }
        let Some(image) = means.image.clone() else {
            return Ok(commands);
        };
        let contained = contain(&self.context, &self.plan, image, scratch, commands.to_vec()).await?;
        <[LaunchCommand; N]>::try_from(contained).map_err(|_| "a command was lost".to_owned())
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
    /// The digest of its image.
    fn digest(&self) -> Option<String> {
        self.image.as_ref()?.described.sha256.clone()
    }

    /// Where the instance's other processes find this one: the first one says so.
    fn rendezvous(&self) -> Option<Rendezvous> {
        let rank = self.rank.as_ref().filter(|rank| rank.is_head())?;
        Some(Rendezvous {
            address: rank.head,
            port: rank.rendezvous_port,
            more_ports: rank.head_ports.clone(),
            image: self.digest(),
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

/// Refuses to be one of the processes of an instance whose first process runs in another image: they would be of different versions.
fn runs_the_same(rank: &ServiceRank, own: Option<&str>) -> Result<(), String> {
    match rank.rendezvous.as_ref().and_then(|first| first.image.as_deref()) {
        Some(first) if own.is_some_and(|own| own != first) => Err(format!(
            "the image on this node is not the one that {} runs in, whose SHA-256 is {first}: bring the same to all nodes",
            rank.head
        )),
        _ => Ok(()),
    }
}

/// A process of an instance, which finds the first one where it was told, or else is the first one itself.
fn found_by(rank: &ServiceRank, own: Rendezvous, interface: Option<String>) -> Rank {
    let head = rank.rendezvous.clone().unwrap_or(own);
    Rank {
        index: rank.index,
        of: rank.of,
        head: head.address,
        rendezvous_port: head.port,
        head_ports: head.more_ports,
        interface,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn the_first_process_is_found_by_the_others() {
        let order = |json: &str| serde_json::from_str::<ServiceRank>(json).unwrap();
        let first = order(r#"{"head": "server-1-0", "index": 0, "of": 2}"#);
        let own: IpAddr = "10.0.0.1".parse().unwrap();
        let at = |address: &str, port| Rendezvous {
            address: address.parse().unwrap(),
            port,
            more_ports: vec![port + 1],
            image: None,
        };
        let rank = found_by(&first, at("10.0.0.1", 29_500), None);
        assert_eq!(rank.head_ports, [29_501]);
        assert_eq!(
            (rank.head, rank.rendezvous_port, rank.is_head()),
            (own, 29_500, true)
        );
        let second = order(
            r#"{"head": "server-1-0", "index": 1, "of": 2, "rendezvous": {"address": "10.0.0.1", "port": 29500, "more_ports": [29501]}}"#,
        );
        let rank = found_by(&second, at("10.0.0.2", 7), Some("ib0".to_owned()));
        assert_eq!(rank.head_ports, [29_501]);
        assert_eq!(
            (rank.head, rank.rendezvous_port, rank.is_head()),
            (own, 29_500, false)
        );
        assert_eq!(rank.interface.as_deref(), Some("ib0"));
    }

    #[test]
    fn all_processes_of_an_instance_run_in_one_image() {
        let order = |image: &str| {
            let rendezvous = format!(r#"{{"address": "10.0.0.1", "port": 1{image}}}"#);
            let json =
                format!(r#"{{"head": "server-1-0", "index": 1, "of": 2, "rendezvous": {rendezvous}}}"#);
            serde_json::from_str::<ServiceRank>(&json).unwrap()
        };
        let of_image = order(r#", "image": "aa""#);
        assert_eq!(runs_the_same(&of_image, Some("aa")), Ok(()));
        let refused = runs_the_same(&of_image, Some("bb")).unwrap_err();
        assert!(
            refused.contains("server-1-0") && refused.contains("aa"),
            "{refused}"
        );
        // A sandbox directory has no digest.
        assert_eq!(runs_the_same(&order(""), Some("bb")), Ok(()));
        assert_eq!(runs_the_same(&of_image, None), Ok(()));
    }
}
