//! Small jobs on one node, for commands that are no runs: images are fetched, or a partition is looked at.

use std::collections::BTreeMap;

use hpcbench_recipes::{Plan, Role};

use super::build::modules;
use super::demand::Demand;
use super::error::LayoutError;
use super::{Component, Gpus, Host, Layout, Memory, NamedBy};
use crate::place::{Origin, Setting};
use crate::site::{GpuRequest, Site};
use crate::time::TimeLimit;

/// What a small job asks for, as its user says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// The job's name.
    pub name: String,
    /// The partition, if it is not that of the recipe or the site.
    pub partition: Option<String>,
    /// The project account, if it is not the recipe's.
    pub account: Option<String>,
    /// The quality of service, if it is not that of the recipe or the site.
    pub qos: Option<String>,
    /// GPUs, and how they are asked for.
    pub gpus: Option<(Gpus, GpuRequest)>,
    /// How long it may take.
    pub time_limit: TimeLimit,
}

impl Errand {
    /// A job for something that a recipe needs. It asks for what the recipe's orchestrator would have on a node of its own.
    ///
    /// # Errors
    /// An option cannot be passed to Slurm, or the site wants an account.
    pub fn of_plan(self, plan: &Plan, site: &Site) -> Result<Layout, LayoutError> {
        // A site may refuse jobs without an account, and the command line may name it.
        let lenient = Site {
            account_required: false,
            ..site.clone()
        };
        let mut demand = Demand::of(plan, &lenient, Role::Orchestrator)?;
        demand.directives.clear();
        let modules = modules(plan, site)?;
        self.laid_out(demand, modules, site)
    }

    /// A job that has to do with no recipe.
    ///
    /// # Errors
    /// As for [`Self::of_plan`].
    pub fn of_site(self, site: &Site) -> Result<Layout, LayoutError> {
        let of_site = |value: &String| Setting {
            value: value.clone(),
            origin: Origin::Site,
        };
        let demand = Demand {
            qos: site.qos.as_ref().map(of_site),
            ..Demand::default()
        };
        let modules = site.modules.iter().map(of_site).collect();
        self.laid_out(demand, modules, site)
    }

    fn laid_out(self, mut demand: Demand, modules: Vec<Setting>, site: &Site) -> Result<Layout, LayoutError> {
        let said = |value: String| Setting {
            value,
            origin: Origin::CommandLine,
        };
        demand.partition = self.partition.map(said).or(demand.partition);
        demand.account = self.account.map(said).or(demand.account);
        demand.qos = self.qos.map(said).or(demand.qos);
        demand.check_texts(site)?;
        let (gpus, gpu_request) = match self.gpus {
            Some((gpus, request)) => (Some(gpus), request),
            None => (None, site.gpu_request),
        };
        let component = Component {
            hosts: vec![Host { nodes: Vec::new() }],
            partition: demand.partition,
            account: demand.account,
            qos: demand.qos,
            reservation: demand.reservation,
            constraint: None,
            exclusive: site.exclusive == crate::site::Exclusive::Always,
            cpus: None,
            memory: Memory::Unstated,
            named_by: NamedBy::default(),
            gpus,
            directives: Vec::new(),
        };
        Ok(Layout {
            job_name: self.name,
            components: vec![component],
            time_limit: self.time_limit,
            time_limit_origin: Origin::CommandLine,
            stop_before: 0,
            gpu_request,
            modules,
            preamble: site.preamble.clone(),
            shares: BTreeMap::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::layout::testing::{generic, plan};
    use crate::{JobCommand, job_script, sbatch_argv};

    fn errand() -> Errand {
        Errand {
            name: "images".to_owned(),
            partition: None,
            account: None,
            qos: None,
            gpus: None,
            time_limit: "10".parse().unwrap(),
        }
    }

    fn options(layout: &Layout) -> Vec<String> {
        let arguments = vec!["images".to_owned(), "pull".to_owned(), "/r/$(x).yaml".to_owned()];
        let command =
            JobCommand::errand(Path::new("/bin/hpcbench"), arguments, Path::new("/d"), "k").unwrap();
        let script = job_script(layout, &command).unwrap();
        // A shell that is killed writes no exit code.
        let end = "\n/bin/hpcbench images pull '/r/$(x).yaml'\ncode=$?\necho \"$code\" > /d/ended\nexit \"$code\"\n";
        assert!(script.ends_with(end), "{script}");
        let argv = sbatch_argv(layout, &command).remove(0);
        argv.into_iter().map(|text| text.into_string().unwrap()).collect()
    }

    #[test]
    fn a_recipes_errand_asks_for_one_node_and_is_done_once() {
        let launch = json!({"partition": "gpu", "account": "p1", "directives": ["--mail-type=END"]});
        let plan = plan(
            launch,
            json!({"orchestrator": {"partition": "io"}, "servers": {"gpus": 4}}),
        );
        let wanted = options(&errand().of_plan(&plan, &generic()).unwrap());
        for option in [
            "--partition=io",
            "--account=p1",
            "--nodes=1",
            "--time=00:10:00",
            "--no-requeue",
        ] {
            assert!(wanted.iter().any(|have| have == option), "{option}: {wanted:?}");
        }
        for option in ["--gres", "--requeue", "--signal", "--mail-type", "--exclusive"] {
            assert!(
                !wanted.iter().any(|have| have.starts_with(option)),
                "{option}: {wanted:?}"
            );
        }
        assert!(wanted.contains(&"--output=/d/%j.log".to_owned()), "{wanted:?}");
    }

    #[test]
    fn the_command_line_has_the_last_word() {
        let plan = plan(json!({"partition": "gpu", "account": "p1"}), json!({}));
        let errand = Errand {
            partition: Some("transfer".to_owned()),
            account: Some("p2".to_owned()),
            ..errand()
        };
        let wanted = options(&errand.of_plan(&plan, &generic()).unwrap());
        assert!(wanted.contains(&"--partition=transfer".to_owned()), "{wanted:?}");
        assert!(wanted.contains(&"--account=p2".to_owned()), "{wanted:?}");
    }

    #[test]
    fn a_site_that_wants_an_account_gets_one_from_wherever_it_is_said() {
        let site = Site {
            account_required: true,
            ..generic()
        };
        assert_eq!(errand().of_site(&site), Err(LayoutError::NoAccount));
        let with = Errand {
            account: Some("p1".to_owned()),
            ..errand()
        };
        assert!(options(&with.of_site(&site).unwrap()).contains(&"--account=p1".to_owned()));
    }
}
