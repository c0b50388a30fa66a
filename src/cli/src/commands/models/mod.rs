//! `hpcbench models`: the models of a recipe's services.

mod huggingface;
mod ollama;
mod store;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hpcbench_recipes::ServicePlan;
use hpcbench_services::{ModelSource, Service, find};

use crate::cluster::{self, ErrandOptions};
use crate::commands::home;
use crate::commands::programs::Programs;
use crate::exit::Failure;
use crate::recipe_file::{Overrides, RecipeFile};
use crate::terminal;

/// The options that name where models are fetched to.
const STORES: [&str; 2] = ["hf_home", "models_dir"];

/// Fetch the models of a recipe
#[derive(Debug, clap::Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Fetch the models of a recipe's services to where the services look for them
    ///
    /// For vllm and vllm-ray the model's snapshot at `options.revision` goes into `options.hf_home`, by `hf download`; for ollama the
    /// model goes into `options.models_dir`, by a server that runs meanwhile. The programs are those of the service's image, or on
    /// PATH where it has none. To be called where there is internet: compute nodes often have none.
    Pull(PullArgs),
}

#[derive(Debug, clap::Args)]
struct PullArgs {
    /// The recipe
    recipe: PathBuf,
    #[command(flatten)]
    overrides: Overrides,
    #[command(flatten)]
    job: ErrandOptions,
}

/// Fetches models.
///
/// # Errors
/// The recipe is invalid, or a model cannot be fetched.
pub(crate) fn run(args: &ModelsArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let Action::Pull(args) = &args.action;
    let plan = RecipeFile::read(&args.recipe, &args.overrides)?.plan()?;
    if args.job.submit {
        let words = ["models", "pull"];
        cluster::by_job(&words, &args.recipe, &args.overrides, &plan, &args.job, runs_dir)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut done: Vec<&ServicePlan> = Vec::new();
    for service in &plan.services {
        if done.iter().any(|other| is_same_model(other, service)) {
            continue;
        }
        for store in STORES {
            if let Some(path) = option(service, store) {
                home::warn_below(&format!("options.{store}"), Path::new(path), &plan);
            }
        }
        pull(service, &Programs::of(&plan, service)?)?;
        done.push(service);
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether two configurations, which a sweep may have many of, need the same to be fetched.
fn is_same_model(one: &ServicePlan, other: &ServicePlan) -> bool {
    let places = ["hf_home", "models_dir", "model_path", "revision"];
    one.kind == other.kind
        && one.model == other.model
        && places
            .iter()
            .all(|name| one.options.get(*name) == other.options.get(*name))
}

fn pull(service: &ServicePlan, programs: &Programs) -> anyhow::Result<()> {
    // Names come from the recipe and become arguments.
    let revision = option(service, "revision").unwrap_or_default();
    for name in [service.model.as_str(), revision] {
        if name.starts_with('-') || name.chars().any(char::is_control) {
            return Err(
                Failure::Usage(format!("{name:?} cannot be the name of a model or a revision")).into(),
            );
        }
    }
    match find(&service.kind).and_then(Service::model_source) {
        Some(ModelSource::Ollama) => ollama::pull(service, programs),
        Some(ModelSource::HuggingFace) => huggingface::pull(service, programs),
        None => {
            terminal::say(&format!(
                "nothing to fetch for {}: hpcbench fetches no models for services of kind {}",
                service.model, service.kind
            ));
            Ok(())
        }
    }
}

/// An option that is a text.
fn option<'a>(service: &'a ServicePlan, name: &str) -> Option<&'a str> {
    service.options.get(name)?.as_str()
}

/// The directory that an option names.
fn directory(service: &ServicePlan, name: &str) -> Result<PathBuf, Failure> {
    let found = option(service, name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    found.ok_or_else(|| {
        Failure::Usage(format!(
            "the recipe does not say where models are kept: add `service.options.{name}`, an absolute path that all server nodes \
             see"
        ))
    })
}
