//! Fetching what a recipe needs by a job, on a node with internet.

use std::path::Path;

use hpcbench_recipes::Plan;
use hpcbench_recipes::recipe::LaunchMode;
use hpcbench_slurm::{Errand as Wanted, Site};

use super::errand::{Errand, ErrandOptions, directory_for};
use super::target::site_of;
use crate::exit::Failure;
use crate::recipe_file::Overrides;
use crate::terminal;

/// Has `hpcbench WORDS RECIPE` carried out by a job, and waits for that.
///
/// # Errors
/// The recipe is for one machine, the site has no internet where jobs run, or the job fails.
pub(crate) fn by_job(
    words: &[&str],
    recipe: &Path,
    overrides: &Overrides,
    plan: &Plan,
    options: &ErrandOptions,
    runs_dir: &Path,
) -> anyhow::Result<()> {
    if plan.launch.mode != LaunchMode::Slurm {
        return Err(Failure::Usage(
            "this recipe is for one machine (launch.mode: local): fetch without --submit".to_owned(),
        )
        .into());
    }
    let site = site_of(plan)?;
    has_internet(&site, options)?;
    let name: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !word.starts_with('-'))
        .collect();
    let name = name.join("-");
    let wanted = Wanted {
        name: format!("hpcbench-{name}"),
        partition: options.partition.clone(),
        account: options.account.clone(),
        qos: None,
        gpus: None,
        time_limit: options.time_limit,
    };
    let layout = wanted
        .of_plan(plan, &site)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let recipe = std::path::absolute(recipe)?;
    let recipe = recipe
        .to_str()
        .ok_or_else(|| Failure::Usage("the recipe's path is not UTF-8".to_owned()))?;
    let mut arguments: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    arguments.extend(overrides.set.iter().map(|set| format!("--set={set}")));
    arguments.extend(["--".to_owned(), recipe.to_owned()]);
    let directory = directory_for(runs_dir, &name)?;
    let errand = Errand::submit(&layout, &site, arguments, &directory)?;
    terminal::say(&format!(
        "submitted job {}, which fetches; interrupting this command does not end it",
        errand.job()
    ));
    errand.follow()
}

fn has_internet(site: &Site, options: &ErrandOptions) -> Result<(), Failure> {
    if site.internet.compute || options.partition.is_some() {
        return Ok(());
    }
    Err(Failure::Environment(
        "the site file says that compute nodes have no internet (internet.compute): fetch on a login node, without --submit, or \
         name a partition whose nodes have with --partition"
            .to_owned(),
    ))
}
