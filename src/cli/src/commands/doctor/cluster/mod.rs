//! `hpcbench doctor --submit`: the same checks on a node of each partition, by a short job, and a draft of a site file.

mod jobs;
mod text;

use std::path::Path;
use std::process::ExitCode;

use hpcbench_slurm::site::{Found, NodeFound};
use hpcbench_slurm::{Partition, Site, Slurm};
use serde::Serialize;

use self::jobs::{Jobs, Report};
use super::node;
use super::{DoctorArgs, Format};
use crate::cluster::site_named;
use crate::commands::run::default_scratch;
use crate::exit::Failure;
use crate::{exit, terminal};

/// Most partitions that are looked at, unless they are named.
const MOST_PARTITIONS: usize = 16;
/// Modules that are loaded, as the modules' command says.
const LOADED_MODULES: &str = "LOADEDMODULES";

/// What `doctor --submit` is told besides.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ClusterOptions {
    /// Check a node of each partition of the Slurm cluster too, by a two-minute job, and print a draft of a site file
    #[arg(long, conflicts_with_all = ["calibrate", "node_report"])]
    submit: bool,
    /// Only this partition; may be repeated
    #[arg(long, value_name = "NAME", requires = "submit")]
    partition: Vec<String>,
    /// The jobs' project account
    #[arg(long, value_name = "NAME", requires = "submit")]
    account: Option<String>,
    /// The jobs' quality of service
    #[arg(long, value_name = "NAME", requires = "submit")]
    qos: Option<String>,
    /// A site file whose modules and preamble the jobs use
    #[arg(long, value_name = "NAME", requires = "submit")]
    site: Option<String>,
    /// How long to wait for the jobs; those that still wait then are cancelled
    #[arg(long, value_name = "SECONDS", default_value = "900", requires = "submit")]
    patience: u32,
}

impl ClusterOptions {
    pub(super) const fn is_wanted(&self) -> bool {
        self.submit
    }
}

/// What was found on the cluster.
#[derive(Debug, Serialize)]
struct ClusterDiagnosis {
    partitions: Vec<Report>,
    /// The text of a site file.
    site: String,
}

/// Submits the jobs, waits for them and tells what they found. Their files are below `runs_dir`, which all nodes have to see.
///
/// # Errors
/// There is no Slurm, or no partition.
pub(super) fn run(args: &DoctorArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let options = &args.cluster;
    let site = site_named(options.site.as_deref())?;
    let slurm = Slurm::on_path();
    let partitions = slurm
        .partitions()
        .map_err(|error| Failure::Environment(error.to_string()))?;
    let chosen = choose(&partitions, &options.partition)?;
    let account_required = match &options.account {
        None => site.account_required,
        Some(_) => jobs::needs_account(&site, options),
    };
    let jobs = Jobs::submit(&chosen, &site, args, runs_dir)?;
    let reports = jobs.collect(std::time::Duration::from_secs(options.patience.into()));
    let found = Found {
        cluster: slurm.cluster().unwrap_or_else(|| "a Slurm cluster".to_owned()),
        partitions: partitions
            .into_iter()
            .map(|partition| {
                let report = reports.iter().find(|report| report.partition == partition.name);
                let node = report.and_then(Report::node_found);
                (partition, node)
            })
            .collect(),
        account_required,
        gpu_request: reports.iter().find_map(Report::gpu_request),
        login_internet: node::gather(&default_scratch(), true).internet == Some(true),
        modules: loaded_modules(),
    };
    let is_ready = !reports.is_empty() && reports.iter().all(Report::is_ready);
    let diagnosis = ClusterDiagnosis {
        partitions: reports,
        site: found.draft(),
    };
    match args.format {
        Format::Text => {
            terminal::say(&text::of(&diagnosis.partitions));
            terminal::print(&diagnosis.site)?;
        }
        Format::Json => terminal::print_json(&diagnosis)?,
    }
    Ok(if is_ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(exit::ENVIRONMENT)
    })
}

/// The partitions to look at: those that are named, else all that take jobs.
fn choose(all: &[Partition], named: &[String]) -> Result<Vec<Partition>, Failure> {
    let is_wanted = |partition: &&Partition| {
        if named.is_empty() {
            partition.is_up
        } else {
            named.contains(&partition.name)
        }
    };
    if let Some(unknown) = named
        .iter()
        .find(|name| !all.iter().any(|partition| partition.name == **name))
    {
        let names: Vec<&str> = all.iter().map(|partition| partition.name.as_str()).collect();
        return Err(Failure::Usage(format!(
            "there is no partition {unknown:?}, only {}",
            names.join(", ")
        )));
    }
    let chosen: Vec<Partition> = all.iter().filter(is_wanted).cloned().collect();
    match chosen.len() {
        0 => Err(Failure::Environment("no partition takes jobs".to_owned())),
        MOST_PARTITIONS.. if named.is_empty() && chosen.len() > MOST_PARTITIONS => {
            Err(Failure::Usage(format!(
                "there are {} partitions, more than {MOST_PARTITIONS}: name those to look at with --partition",
                chosen.len()
            )))
        }
        _ => Ok(chosen),
    }
}

fn loaded_modules() -> Vec<String> {
    let loaded = std::env::var(LOADED_MODULES).unwrap_or_default();
    loaded
        .split(':')
        .filter(|module| !module.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Report {
    fn node_found(&self) -> Option<NodeFound> {
        let node = self.found.as_ref()?.node.clone();
        Some(NodeFound {
            interface: node.chosen,
            scratch: node.scratch,
            scratch_is_memory: node.scratch_is_memory,
            internet: node.internet == Some(true),
        })
    }
}

/// The site whose modules and lines a job uses, whatever else it says.
fn lenient(site: &Site) -> Site {
    Site {
        account_required: false,
        ..site.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(name: &str, is_up: bool) -> Partition {
        Partition {
            name: name.to_owned(),
            is_default: false,
            is_up,
            nodes: 1,
            gpu_nodes: 0,
            cpus: 1,
            mebibytes: 1,
            gpus: 0,
            gpu_type: None,
            time_limit: None,
        }
    }

    #[test]
    fn partitions_that_take_jobs_or_those_that_are_named() {
        let all = [partition("a", true), partition("b", false)];
        let names = |named: &[&str]| {
            let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
            choose(&all, &named).map(|chosen| chosen.into_iter().map(|one| one.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap(), ["a"]);
        assert_eq!(names(&["b"]).unwrap(), ["b"]);
        let unknown = names(&["c"]).unwrap_err().to_string();
        assert!(unknown.contains("\"c\"") && unknown.contains("a, b"), "{unknown}");
        let many: Vec<Partition> = (0..=MOST_PARTITIONS)
            .map(|n| partition(&n.to_string(), true))
            .collect();
        assert!(choose(&many, &[]).is_err());
    }
}
